import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { decodeStatement, verifyStatement } from '../../src/wire/index.ts'
import { amount, commands, expectKept, type Running, tempFolder } from './command.ts'

const home = tempFolder()
const { start, run, sell } = commands(home)
const content = randomBytes(3 << 20)
const folder = join(home, 'folder')
let seller: Running
let url: string

beforeAll(async () => {
  mkdirSync(folder)
  writeFileSync(join(folder, 'film.bin'), content)
  const selling = await sell(folder, '1 sat/MiB')
  seller = selling.seller
  url = selling.url
})

const FIGURES = [
  ['unit', 'price', 'units', 'delivered', 'received', 'paid', 'fees', 'payments', 'maxUnpaid', 'credit', 'maxAhead'],
  ['ahead', 'firstByteMs', 'stallMs', 'durationMs', 'halted', 'returned', 'balance', 'return', 'statement'],
].flat()

test('the price of a URL is told, and nothing is paid', async () => {
  const { code, last } = await run('price', `${url}/film.bin`, '--json', '--for', '10 MiB')
  expect(code).toBe(0)
  expect(last).toMatchObject({
    event: 'price',
    price: '1 sat/MiB',
    unit: 'byte',
    network: 'regtest',
    costs: { '10 MiB': '10000' },
  })
})

test('a file arrives as it is, and is paid to the byte', async () => {
  const file = join(home, 'film.bin')
  const { code, last } = await run(
    'get',
    `${url}/film.bin`,
    '-o',
    file,
    '--json',
    '--max',
    '20 sat',
    '--ahead',
    '4 sat',
  )
  expect(code).toBe(0)
  expect(readFileSync(file).equals(content)).toBe(true)
  expect(Object.keys(last)).toEqual(expect.arrayContaining(FIGURES))
  expect(last).toMatchObject({
    event: 'end',
    ok: true,
    unit: 'byte',
    units: content.length,
    delivered: '3000',
    open: false,
  })
  expectKept(last)
  const statement = decodeStatement(last.statement)
  expect(statement).toMatchObject({ state: 'closed', delivered: 3000n, steps: BigInt(content.length) })
  expect(() => verifyStatement(statement, statement.payee)).not.toThrow()
})

test('without a file the body is all there is on stdout, and the talk is on stderr', async () => {
  const { code, stdout, stderr } = await run('get', `${url}/film.bin`)
  expect(code).toBe(0)
  expect(stdout.equals(content)).toBe(true)
  expect(stderr).toMatch(/done {2}3\.0 MiB for 3 sat/)
})

test('a price above the limit is refused, and nothing is paid', async () => {
  const { code, last, error } = await run('get', `${url}/film.bin`, '--json', '--max-price', '0.5 sat/MiB')
  expect(code).toBe(3)
  expect(error).toMatchObject({ code: 'price-too-high', exit: 3 })
  expect(last).toEqual({ event: 'end', ok: false, paid: '0' })
})

test('a limit in another unit is no limit that fits', async () => {
  const { code, error } = await run('get', `${url}/film.bin`, '--json', '--max-price', '1 sat/s')
  expect(code).toBe(3)
  expect(error).toMatchObject({ code: 'unit-mismatch' })
})

test('a budget that ends in the middle says what was received and paid', async () => {
  const limits = ['--max', '2 sat', '--ahead', '1 sat']
  const { code, last, error } = await run('get', `${url}/film.bin`, '-o', join(home, 'cut.bin'), '--json', ...limits)
  expect(code).toBe(4)
  expect(error).toMatchObject({
    code: 'budget-exhausted',
    paid: expect.stringMatching(/^\d+$/),
    received: expect.any(String),
  })
  expect(last).toMatchObject({ event: 'end', ok: false })
  expect(amount(last.paid)).toBeGreaterThan(0n)
  expect(amount(last.paid)).toBeLessThanOrEqual(2000n)
  expectKept(last)
})

test('two at once: the second takes a node of its own', async () => {
  const files = ['a.bin', 'b.bin'].map((name) => join(home, name))
  const results = await Promise.all(files.map((file) => run('get', `${url}/film.bin`, '-o', file, '--json')))
  for (const [i, { code, last }] of results.entries()) {
    expect(code).toBe(0)
    expect(readFileSync(files[i]!).equals(content)).toBe(true)
    expectKept(last)
  }
})

test('an agreement that is kept is said to stay open', async () => {
  const { code, stderr } = await run('get', `${url}/film.bin`, '-o', join(home, 'kept.bin'), '--keep')
  expect(code).toBe(0)
  expect(stderr).toMatch(/the agreement [0-9a-f]{32} stays open/)
})

test('a file that cannot be written is found out before anything is paid', async () => {
  for (const file of [home, join(home, 'nowhere', 'film.bin')]) {
    const { code, error, events } = await run('get', `${url}/film.bin`, '-o', file, '--json')
    expect(code).toBe(2)
    expect(error).toMatchObject({ code: 'option-invalid' })
    expect(events).toHaveLength(1)
  }
})

test('a reader that closes the pipe ends the stream and gets its money back', async () => {
  const getting = start('get', `${url}/film.bin`)
  getting.child.stdout.once('data', () => getting.child.stdout.destroy())
  const { code, stderr } = await getting.end()
  expect(code).toBe(130)
  expect(stderr).toContain('the reader of stdout closed it')
  expect(stderr).not.toContain('stays open')
})

test('Ctrl-C at the seller ends it with what was sold', async () => {
  seller.signal('SIGINT')
  const { code, last } = await seller.end()
  expect(code).toBe(0)
  expect(last).toMatchObject({ event: 'end', ok: true })
  const streams = last.streams as Array<Record<string, string>>
  expect(streams.length).toBeGreaterThanOrEqual(5)
  expect(streams[0]).toMatchObject({ unit: 'byte', price: '1 sat/MiB', delivered: '3000', paid: '3000' })
  for (const { maxUnpaid, credit } of streams) expect(amount(maxUnpaid)).toBeLessThanOrEqual(amount(credit))
})
