import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/temporary.ts'
import { Batch } from './batch.ts'
import { Database } from './database.ts'

const folder = temporaryFolder()
let files = 0
const open = () => {
  const file = path.join(folder(), `batch-${files++}.db`)
  return new Database({
    path: file,
    exclusive: true,
    durable: 'later',
    migrations: ['CREATE TABLE notes (n INTEGER) STRICT'],
  })
}
/** Adds the jobs to a batch at once; how often each was run, and how each ended. */
async function run(jobs: ReadonlyArray<() => unknown>) {
  const database = open()
  const batch = new Batch(database)
  const runs = jobs.map(() => 0)
  const counted = jobs.map((job, i) => () => {
    runs[i]! += 1
    return job()
  })
  const ended = await Promise.allSettled(counted.map((job) => batch.add(job)))
  database.close()
  return { runs, ended: ended.map((end) => (end.status === 'fulfilled' ? end.value : 'rejected')) }
}
const fails = () => {
  throw new Error('no')
}

test('each job of a batch runs once, and is answered with what it returned', async () => {
  expect(await run([() => 1, () => 'two', () => undefined])).toEqual({ runs: [1, 1, 1], ended: [1, 'two', undefined] })
})

test('one that fails alone is not tried again', async () => {
  expect(await run([fails])).toEqual({ runs: [1], ended: ['rejected'] })
})

test('one that fails among others is refused, and they are written by themselves', async () => {
  const { ended } = await run([() => 1, fails, () => 3])
  expect(ended).toEqual([1, 'rejected', 3])
})

test('what waits is written by a flush, and not once more afterwards', async () => {
  const database = open()
  const { add, count } = database.prepare({
    add: 'INSERT INTO notes VALUES (1)',
    count: 'SELECT count(*) AS count FROM notes',
  })
  const batch = new Batch(database)
  const writing = batch.add(() => add.run())
  batch.flush()
  expect(count.get()).toEqual({ count: 1n })
  await writing
  await new Promise((resolve) => setImmediate(resolve))
  expect(count.get()).toEqual({ count: 1n })
  database.close()
})
