import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { amount, commands, expectKept, tempFolder } from './command.ts'
import { startUpstream } from './upstream.ts'

const home = tempFolder()
const { start, run, sell } = commands(home)
let upstream: string
let byRequest: string
let bySecond: string
let byByte: string

beforeAll(async () => {
  upstream = await startUpstream()
  const sellers = await Promise.all([
    sell(upstream, '2 sat/request'),
    sell(upstream, '10 sat/s', '--credit', '1 sat'),
    sell(upstream, '1 sat/MiB'),
  ])
  ;[byRequest, bySecond, byByte] = sellers.map(({ url }) => url) as [string, string, string]
})

test('a POST from a file passes through, and costs one request', async () => {
  const file = join(home, 'prompt.json')
  writeFileSync(file, '{"prompt":"Hello"}')
  const { code, stdout, stderr } = await run('get', `${byRequest}/echo`, '-d', `@${file}`)
  expect(code).toBe(0)
  expect(stdout.toString()).toBe('{"prompt":"Hello"}')
  expect(stderr).toMatch(/done {2}1 request for 2 sat/)
})

test('a window too small for one step pays nothing, and names what it takes', async () => {
  const { code, error, last } = await run('get', `${byRequest}/echo`, '--ahead', '1 sat', '--json')
  expect(code).toBe(4)
  expect(error).toMatchObject({ code: 'window-too-small', needed: '2000', hint: expect.stringContaining('--ahead') })
  expect(last).toMatchObject({ event: 'end', ok: false, paid: '0' })
})

test('time is charged as the statement says', async () => {
  const { code, last } = await run('get', `${bySecond}/lines`, '--json')
  expect(code).toBe(0)
  expect(last).toMatchObject({ event: 'end', ok: true, unit: 'second', price: '10 sat/s' })
  expect(amount(last.delivered)).toBe(amount((last.statement as Record<string, string>).delivered))
  expectKept(last)
})

test.each([
  ['by request', () => byRequest],
  ['by byte', () => byByte],
])('a service that fails charges nothing: %s', async (_, url) => {
  const { code, error, last } = await run('get', `${url()}/fail`, '--json')
  expect(code).toBe(6)
  expect(error).toMatchObject({ code: 'seller-failed', status: '500' })
  expect(last).toMatchObject({ event: 'end', ok: false, delivered: '0' })
  expect(last.returned).toBe(last.paid)
})

test('what another side wrote does not steer the terminal', async () => {
  const { stderr } = await run('get', `${byByte}/fail`)
  expect(stderr).toContain('out of')
})

test('what asks for no payment is fetched without any', async () => {
  const { code, last } = await run('get', `${upstream}/free`, '--json')
  expect(code).toBe(0)
  expect(last).toEqual({ event: 'end', ok: true, paid: '0' })
})

test('Ctrl-C closes the agreement and brings the money back', async () => {
  const getting = start('get', `${byByte}/drip`, '-o', join(home, 'drip'), '--json')
  await getting.event('progress', ({ units }) => (units as number) > 0)
  getting.signal('SIGINT')
  const { code, last, error } = await getting.end()
  expect(code).toBe(130)
  expect(error).toMatchObject({ code: 'interrupted' })
  expect(last).toMatchObject({ event: 'end', ok: false, open: false, statement: { state: 'closed' } })
  expect(amount(last.balance)).toBeLessThan(1000n)
  expectKept(last)
})

test('a seller that is killed costs no more than the window, and the reader is told', async () => {
  const { seller, url } = await sell(upstream, '1 sat/MiB')
  const getting = start('get', `${url}/drip`, '-o', join(home, 'killed'), '--json', '--ahead', '2 sat')
  await getting.event('progress', ({ units }) => (units as number) > 0)
  seller.signal('SIGKILL')
  const { code, last, error } = await getting.end()
  expect(code).toBe(6)
  expect(error).toMatchObject({ code: 'stream-interrupted' })
  expect(last).toMatchObject({ event: 'end', ok: false, open: true })
  expect(amount(error!.paid) - amount(error!.received)).toBeLessThanOrEqual(2000n)
  expectKept(last)
})
