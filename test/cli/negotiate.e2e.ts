import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { comparePrices, parsePrice } from '../../src/money/price.ts'
import { commands, expectKept, type Running, tempFolder } from './command.ts'

const home = tempFolder()
const { start, run } = commands(home)
const file = join(home, 'thing.bin')
let seller: Running
let url: string

beforeAll(async () => {
  writeFileSync(file, Buffer.alloc(4096))
  seller = start('sell', file, '--price', '2 sat/KiB', '--floor', '60%', '--rounds', '3', '--port', '0', '--json')
  url = (await seller.event('selling')).url as string
})

test('a seller with a floor and a buyer that concedes meet', async () => {
  const got = await run('get', url, '--strategy', 'concede:50%,3', '--max-price', '1500 msat/KiB', '--json')
  expect(got.last).toMatchObject({ ok: true, units: 4096 })
  expectKept(got.last)
  const price = parsePrice(got.last.price as string)
  expect(comparePrices(price, parsePrice('1200 msat/KiB'))).toBeGreaterThanOrEqual(0)
  expect(comparePrices(price, parsePrice('1500 msat/KiB'))).toBeLessThanOrEqual(0)
})

test('without haggling the list is too dear, and a limit below the floor is never met', async () => {
  expect((await run('get', url, '--max-price', '1500 msat/KiB', '--json')).error).toMatchObject({
    code: 'price-too-high',
  })
  const low = await run('get', url, '--strategy', 'concede', '--max-price', '1 sat/KiB', '--json')
  expect(low.error).toMatchObject({ code: 'price-too-high', exit: 3 })
})

test('of several the cheapest is bought from, and the next where one is gone', async () => {
  const own = start('sell', file, '--price', '1 sat/KiB', '--port', '0', '--json')
  const other = (await own.event('selling')).url as string
  const got = await run('get', url, '--also', other, '--json')
  expect(got.events.filter(({ event }) => event === 'seller')).toMatchObject([
    { type: 'chosen', url: other.replace(/\/$/, ''), asks: '1 sat/KiB' },
  ])
  expect(got.last).toMatchObject({ ok: true, price: '1 sat/KiB' })
  await own.kill()
  const next = await run('get', url, '--also', other, '--json')
  expect(next.last).toMatchObject({ ok: true, price: '2 sat/KiB' })
})

describe('own strategies', () => {
  test('are asked, and what they fail with is told', async () => {
    const half = join(home, 'half.mjs')
    writeFileSync(half, "export default () => () => ({ refuse: 'price-too-high' })")
    expect((await run('get', url, '--strategy', half, '--json')).error).toMatchObject({ code: 'price-too-high' })
    writeFileSync(join(home, 'broken.mjs'), "export default () => () => { throw new Error('no idea today') }")
    const broken = await run('get', url, '--strategy', join(home, 'broken.mjs'), '--json')
    expect(broken.error).toMatchObject({ code: 'strategy-failed', message: 'no idea today', exit: 1 })
  })

  test.each([
    ['nothing to concede to', 'concede', 'option-invalid'],
    ['no strategy', 'haggle', 'option-invalid'],
    ['a file that is not there', './none.mjs', 'option-invalid'],
    ['more than the whole', 'concede:120%', 'price-invalid'],
  ])('%s', async (_, strategy, code) => {
    const wrong = await run('get', url, '--strategy', strategy, '--json')
    expect(wrong).toMatchObject({ code: 2, error: { code } })
  })
})

test('a floor that is none is told as of an option', async () => {
  const wrong = await run('sell', file, '--price', '1 sat/KiB', '--floor', '120%', '--json')
  expect(wrong).toMatchObject({ code: 2, error: { code: 'price-invalid' } })
})

test('simulate ends with one line that has all', async () => {
  const svg = join(home, 'gains.svg')
  const result = await run(
    'simulate',
    '--games',
    '50',
    '--buyer',
    'concede',
    '--seller',
    'floor',
    '--seller',
    'fixed',
    '--plot',
    svg,
    '--json',
  )
  expect(result.code).toBe(0)
  expect(result.last).toMatchObject({
    ...{ event: 'end', ok: true, games: 50, seed: 1 },
    pairs: [
      { buyer: 'concede', seller: 'floor', outside: 0 },
      { buyer: 'concede', seller: 'fixed', outside: 0 },
    ],
  })
  for (const args of [
    ['--games', '0'],
    ['--games', '1e9'],
    ['--seller', 'x'],
    ['--rounds', '17'],
    ['--price', '0 sat/s'],
    ['--requests', '1000', '--games', '1000000'],
  ]) {
    expect((await run('simulate', ...args, '--json')).code, args.join(' ')).toBe(2)
  }
})
