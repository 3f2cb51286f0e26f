import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { encodeProof, type ProofJson } from '../../src/wire/proof.ts'
import { agreement as fixture } from '../../src/wire/testing/fixtures.ts'
import { closingStatement, payments, provenPayment } from '../../src/wire/testing/proof.ts'
import { amount, commands, type Event, tempFolder } from './command.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const home = tempFolder()
const { run, sell } = commands(home)
const file = join(home, 'proof.json')
const ends: Event[] = []
let seller: string

/** Something to verify, written to a file. */
function written(name: string, value: unknown): string {
  const path = join(home, name)
  writeFileSync(path, JSON.stringify(value))
  return path
}

/** Two purchases, and the proof of the first. */
beforeAll(async () => {
  const folder = join(home, 'folder')
  mkdirSync(folder)
  writeFileSync(join(folder, 'film.bin'), Buffer.alloc(3 << 20, 7))
  const { seller: selling, url } = await sell(folder, '1 sat/MiB')
  seller = (await selling.event('selling')).payee as string
  for (const name of ['a.bin', 'b.bin']) {
    const { code, last } = await run('get', `${url}/film.bin`, '-o', join(home, name), '--json')
    expect(code).toBe(0)
    ends.push(last)
  }
  await selling.kill()
  const { code } = await run('statement', `${ends[0]!.agreement}`, '-o', file)
  expect(code).toBe(0)
})

const proof = (): ProofJson => JSON.parse(readFileSync(file, 'utf8'))

test('agreements that were closed are listed, oldest first', async () => {
  const { code, events } = await run('statement', '--json')
  expect(code).toBe(0)
  expect(events).toMatchObject(ends.map(({ agreement, paid }) => ({ event: 'closed', agreement, paid })))
  const { stderr, stdout } = await run('statement')
  expect(stderr.trim().split('\n')).toHaveLength(2)
  expect(stdout.length).toBe(0)
})

test('what was bought is proven to the msat, where there is no node and no journal', async () => {
  const elsewhere = commands(tempFolder())
  const { code, last } = await elsewhere.run('verify', file, '--payee', seller, '--json')
  expect(code).toBe(0)
  const { agreement, paid, delivered } = ends[0]!
  expect(last).toMatchObject({ ok: true, verdict: 'proven', agreement, payee: seller, payeeKnown: true, delivered })
  expect(last).toMatchObject({ paid, proven: paid, missing: '0', leftOut: '0', price: '1 sat/MiB', units: 3 << 20 })
  expect(amount(last.proven)).toBeGreaterThan(0n)
  expect(last.payments).toBe(proof().payments.length)
})

test('people get a table', async () => {
  const { code, stderr, stdout } = await run('verify', file)
  expect(code).toBe(0)
  expect(stdout.length).toBe(0)
  expect(stderr).toMatch(/^ {2}delivered {2}3\.0 MiB for 3 sat, at 1 sat\/MiB$/m)
  expect(stderr).toContain('name the key with --payee')
  expect(stderr).toMatch(/^proven: /m)
})

test('the beginning of an id is enough, and the proof goes to stdout', async () => {
  const id = `${ends[0]!.agreement}`
  const other = `${ends[1]!.agreement}`
  const short = id.slice(0, [...id].findIndex((digit, i) => digit !== other[i]) + 1)
  const { code, stdout } = await run('statement', short)
  expect(code).toBe(0)
  expect(JSON.parse(stdout.toString())).toEqual(proof())
  const json = await run('statement', short.toUpperCase(), '--json')
  expect(json.events[0]).toMatchObject({ event: 'statement', agreement: id, proof: proof() })
  const unclear = await run('statement', '', '--json')
  expect(unclear.error).toMatchObject({ code: 'option-invalid', message: expect.stringContaining('2 agreements') })
  const unknown = await run('statement', 'zz', '--json')
  expect(unknown).toMatchObject({ code: 2, error: { code: 'option-invalid' } })
})

test('a proof comes from stdin as well', () => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'verify', '-', '--json'], {
    input: JSON.stringify(proof()),
    encoding: 'utf8',
  })
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ event: 'verified', verdict: 'proven', payeeKnown: false })
})

test('a closing statement alone proves no payment, and says so', async () => {
  const { code, last, stderr } = await run('verify', written('alone.json', ends[0]!.statement), '--json')
  expect(code).toBe(0)
  expect(last).toMatchObject({ verdict: 'unproven', payments: 0, proven: '0', missing: ends[0]!.paid })
  expect(stderr).toBe('')
})

test('the proof holds no secret of the journal', () => {
  const journal = new DatabaseSync(join(home, 'state', 'buyer', 'journal.db'), { readOnly: true })
  const secrets = journal.prepare('SELECT secret FROM agreements').all()
  journal.close()
  expect(secrets).toHaveLength(2)
  const text = readFileSync(file, 'utf8')
  for (const { secret } of secrets) expect(text).not.toContain(secret)
})

test.each<[string, (whole: ProofJson) => unknown]>([
  ['a statement with a msat more paid', (whole) => ({ ...whole, statement: { ...whole.statement, paid: '99999' } })],
  ['terms that were not agreed', (whole) => ({ ...whole, agreement: { ...whole.agreement, amount: '500' } })],
  ['a payment shown twice', (whole) => ({ ...whole, payments: [...whole.payments, whole.payments[0]] })],
  [
    'a preimage that is none',
    ({ payments: [first, ...rest], ...whole }) => ({
      ...whole,
      payments: [{ ...first, preimage: '00'.repeat(32) }, ...rest],
    }),
  ],
  ['another kind of file', () => ({ hello: 'world' })],
])('%s is refused', async (name, change) => {
  const { code, error } = await run('verify', written(`${name}.json`, change(proof())), '--json')
  expect(code).toBe(7)
  expect(error).toMatchObject({ code: 'proof-invalid', exit: 7 })
})

test('another payee is refused, and a key that is none is a mistake', async () => {
  const other = await run('verify', file, '--payee', `02${'ab'.repeat(32)}`, '--json')
  expect(other).toMatchObject({ code: 7, error: { code: 'proof-invalid' } })
  expect(await run('verify', file, '--payee', 'seller')).toMatchObject({ code: 2 })
})

test('a statement that leaves out payments is found out', async () => {
  const left = encodeProof(fixture, closingStatement(), [...payments, provenPayment(4, 1000n)])
  const { code, events, stderr } = await run('verify', written('left.json', left), '--json')
  expect(code).toBe(7)
  expect(events[0]).toMatchObject({ event: 'verified', ok: false, verdict: 'left-out', leftOut: '1000' })
  expect(events[1]).toMatchObject({ event: 'error', code: 'statement-invalid', stated: '420000', proven: '421000' })
  expect(stderr).toBe('')
})

test('an endless file is not read to its end', async () => {
  const { code, error } = await run('verify', '/dev/zero', '--json')
  expect(code).toBe(7)
  expect(error).toMatchObject({ code: 'proof-invalid' })
})
