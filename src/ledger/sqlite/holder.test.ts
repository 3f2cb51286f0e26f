import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/temporary.ts'
import { Holder } from './holder.ts'

const folder = temporaryFolder()
let files = 0
const shared = (): string => path.join(folder(), `shared-${files++}.db`)
const fileOf = (file: string, name: string): string => `${file}-holder-${name}`

const open: Array<{ close(): void }> = []
afterEach(() => {
  for (const database of open.splice(0)) database.close()
})
/** A holder's file as a process of that name leaves it: with the lock of SQLite while it lives, and without one afterwards. */
function leftBy(file: string, name: string, lives: boolean): void {
  const database = new DatabaseSync(fileOf(file, name))
  if (!lives) return database.close()
  database.exec('BEGIN EXCLUSIVE')
  open.push(database)
}

test('a holder is alive from its first use to its end, and leaves nothing behind', () => {
  const file = shared()
  const [holder, other] = [new Holder(file), new Holder(file)]
  expect(other.isAlive(holder.name)).toBe(false)
  expect(holder.take()).toBe(holder.name)
  expect(holder.take()).toBe(holder.name)
  expect(other.isAlive(holder.name)).toBe(true)
  expect(statSync(fileOf(file, holder.name)).mode & 0o777).toBe(0o600)
  holder.end()
  expect(other.isAlive(holder.name)).toBe(false)
  expect(existsSync(fileOf(file, holder.name))).toBe(false)
  holder.end()
  other.end()
})

test('a holder that has ended takes nothing any more', () => {
  const holder = new Holder(shared())
  holder.end()
  expect(() => holder.take()).toThrow(
    expect.objectContaining({ code: 'ledger-failed', message: expect.stringMatching(/it was closed/) }),
  )
})

test('a holder whose file cannot be made says where', () => {
  const holder = new Holder(path.join(folder(), 'none', 'shared.db'))
  expect(() => holder.take()).toThrow(
    expect.objectContaining({ code: 'ledger-failed', message: expect.stringMatching(/none\/shared\.db-holder-/) }),
  )
})

test('another process is alive while it has its lock', () => {
  const file = shared()
  const name = crypto.randomUUID()
  leftBy(file, name, true)
  expect(new Holder(file).isAlive(name)).toBe(true)
  expect(existsSync(fileOf(file, name))).toBe(true)
})

test('what a process left that was killed is cleared away', () => {
  const file = shared()
  const name = crypto.randomUUID()
  leftBy(file, name, false)
  expect(new Holder(file).isAlive(name)).toBe(false)
  expect(existsSync(fileOf(file, name))).toBe(false)
})

test('a lock that cannot be looked at may be held', () => {
  const file = shared()
  const name = crypto.randomUUID()
  mkdirSync(fileOf(file, name))
  expect(new Holder(file).isAlive(name)).toBe(true)
})

test('nobody has no name, and no other name leads to a file', () => {
  const file = shared()
  expect(new Holder(file).isAlive('')).toBe(false)
  const uuid = crypto.randomUUID()
  for (const name of ['x', `x${uuid}`, `${uuid}x`, uuid.replace(/-/g, '_')]) {
    writeFileSync(fileOf(file, name), '')
    expect(new Holder(file).isAlive(name)).toBe(false)
    expect(existsSync(fileOf(file, name)), name).toBe(true)
  }
})

test('a thread that looks leaves the lock of another in place, as other processes see it', async () => {
  const file = shared()
  const holder = new Holder(file)
  holder.take()
  const source = JSON.stringify(new URL('./holder.ts', import.meta.url).href)
  const arguments_ = [file, holder.name].map((text) => JSON.stringify(text))
  const look = `import(${source}).then(({ Holder }) => new Holder(${arguments_[0]}).isAlive(${arguments_[1]}))`
  const worker = new Worker(`${look}.then((alive) => require('node:worker_threads').parentPort.postMessage(alive))`, {
    eval: true,
    execArgv: [],
  })
  try {
    expect(await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))).toBe(true)
    const args = ['--no-warnings', '-e', `${look}.then((alive) => console.log(alive))`]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('true')
  } finally {
    await worker.terminate()
    holder.end()
  }
})
