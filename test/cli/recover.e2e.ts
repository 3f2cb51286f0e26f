import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { amount, commands, type Event, tempFolder } from './command.ts'

const MIB = 1 << 20
const home = tempFolder()
const { start, run, sell } = commands(home)
let url: string

beforeAll(async () => {
  writeFileSync(join(home, 'film.bin'), Buffer.alloc(20 * MIB, 'film'))
  url = (await sell(join(home, 'film.bin'), '10 sat/MiB')).url
})

const get = (...more: string[]) => ['get', url, '--json', ...more]
const history = async (...more: string[]) => (await run('history', '--json', ...more)).events

/** A purchase that is killed in its middle, with money in flight. */
async function killed(): Promise<void> {
  const buying = start(...get('-o', join(home, 'cut.bin'), '--ahead', '10 sat'))
  await buying.event('progress', (event) => amount(event.paid) >= 10_000n)
  buying.signal('SIGKILL')
  await buying.end()
}

describe('after a purchase that was killed', () => {
  test('the journal tells of it, and the next one at this seller goes on with what was paid', async () => {
    await killed()
    const [agreement] = await history()
    expect(agreement).toMatchObject({ event: 'agreement', status: 'open', seller: url })
    const { code, last } = await run(...get('-o', join(home, 'whole.bin'), '--ahead', '40 sat'))
    expect(code).toBe(0)
    expect(readFileSync(join(home, 'whole.bin'))).toHaveLength(20 * MIB)
    // Which agreement the rest was paid on depends on how much of the window was lost with the process.
    const all = await history()
    expect(all.every(({ status }) => status === 'closed')).toBe(true)
    expect(all.some(({ agreement: id }) => id === last.agreement)).toBe(true)
    // One that was written and not yet sent is open for ten seconds more, and the purchase may be done sooner.
    expect((await run('recover', '--json', '--wait', '30s')).last).toMatchObject({ open: 0, ok: true })
    const payments = await history('--payments')
    expect(payments.filter(({ status }) => status === 'pending')).toEqual([])
    expect(new Set(payments.map(({ paymentHash }) => paymentHash)).size).toBe(payments.length)
  })

  test('recover follows its payments, closes it, and takes the balance back', async () => {
    await killed()
    const first = await run('recover', '--json', '--wait', '30s')
    expect(first.events.filter(({ event }) => event === 'agreement')).toMatchObject([{ state: 'open' }])
    const { code, events, last } = await run('recover', '--close', '--json', '--wait', '30s')
    expect(events.filter(({ event }) => event === 'agreement')).toMatchObject([{ state: 'closed' }])
    expect(last).toMatchObject({ event: 'end', ok: true, open: 0 })
    expect(code).toBe(0)
    expect(await history().then((all) => all.filter(({ status }) => status === 'open'))).toEqual([])
    expect((await run('recover', '--json')).events).toEqual([
      { event: 'end', ok: true, settled: 0, failed: 0, open: 0, elsewhere: 0, agreements: 0 },
    ])
  })

  test('what is being bought is left alone', async () => {
    const buying = start(...get('-o', join(home, 'whole.bin'), '--ahead', '10 sat'))
    await buying.event('progress', (event) => amount(event.paid) > 0n)
    const { events } = await run('recover', '--close', '--json', '--wait', '1s')
    expect(events.filter(({ event }) => event !== 'end')).toEqual([])
    expect((await buying.end()).code).toBe(0)
  })
})

describe('limits', () => {
  const limit = async (...set: string[]) => expect((await run('budget', 'set', ...set)).code).toBe(0)

  test('hold from one purchase to the next, warn at four fifths, and are told by name', async () => {
    const { limits } = (await run('budget', '--json')).last as unknown as { limits: Array<Record<string, string>> }
    const spent = amount(limits.find(({ limit: name }) => name === 'total')!.spent)
    await limit('total', `${spent + 240_000n} msat`)
    const { code, events } = await run(...get('-o', join(home, 'whole.bin'), '--ahead', '40 sat'))
    expect(code).toBe(0)
    expect(events.filter(({ event }) => event === 'warning')).toMatchObject([{ code: 'limit-near', limit: 'total' }])
    const second = await run(...get('-o', join(home, 'cut.bin'), '--ahead', '40 sat'))
    expect(second.code).toBe(4)
    expect(second.error).toMatchObject({ code: 'budget-exhausted', limit: 'total', max: `${spent + 240_000n}` })
    const after = (await run('budget', '--json')).last as unknown as { limits: Array<Record<string, string>> }
    expect(amount(after.limits.find(({ limit: name }) => name === 'total')!.spent)).toBeLessThanOrEqual(
      spent + 240_000n,
    )
    await limit('total', 'none')
  })

  test('are shared by what runs at once', async () => {
    const spent = amount(
      ((await run('budget', '--json')).last.limits as Event[]).find(({ limit: name }) => name === 'day')!.spent,
    )
    await limit('day', `${spent + 300_000n} msat`)
    const both = await Promise.all(
      ['a', 'b'].map((name) => run(...get('-o', join(home, `${name}.bin`), '--ahead', '40 sat'))),
    )
    expect(both.map(({ code }) => code).sort()).not.toEqual([0, 0])
    const paid = both.reduce((sum, { last }) => sum + amount(last.paid), 0n)
    expect(paid).toBeLessThanOrEqual(300_000n)
    await limit('day', 'none')
  })

  test('on a request end it there, and nothing more is paid for it', async () => {
    await limit('request', '15 sat')
    const { code, error, last } = await run(...get('-o', join(home, 'cut.bin'), '--ahead', '40 sat'))
    expect(code).toBe(4)
    expect(error).toMatchObject({ code: 'budget-exhausted', limit: 'request', max: '15000' })
    expect(amount(last.paid)).toBeLessThanOrEqual(15_000n)
    expect(amount(last.delivered)).toBeLessThanOrEqual(15_000n)
    await limit('request', 'none')
  })

  test.each([
    ['set', 'week', '5 sat'],
    ['set', 'day', 'much'],
    ['set', 'day', '5 sat', '--at', 'a.example'],
    ['set', 'host', '5 sat', '--at', '/'],
  ])('budget %s %s %s … is a mistake', async (...words) => {
    expect(await run('budget', ...words, '--json')).toMatchObject({ code: 2 })
  })
})

test('the history is one of cells too, which a spreadsheet reads', async () => {
  const { code, stdout } = await run('history', '--payments', '--csv')
  expect(code).toBe(0)
  const [names, ...lines] = stdout.toString().trimEnd().split('\r\n')
  expect(names).toBe('time,seller,agreement,status,amount,fee,paymentHash,preimage,invoice')
  expect(lines.length).toBeGreaterThan(5)
  expect((await run('history', '--since', '1s', '--json')).code).toBe(0)
  expect((await run('history', '--csv', '--json')).code).toBe(2)
})
