import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEmbeddedNode, type EmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { seededRandom } from '../../src/lightning/embedded/testing/random.ts'
import type { InvoiceRequest, Settlement } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { foreignInvoice } from '../../src/wire/testing/invoice.ts'
import { commands, type Event, sleep, tempFolder } from './command.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const SCRIPT = '/usr/bin/script'
const KILLS = Number(process.env.KILL_ROUNDS ?? 4)
const random = seededRandom('KILL_SEED')
const home = tempFolder()
const { start, run } = commands(home)
const chain = join(home, 'state', 'regtest')

/** Who is paid: a node of this process, so that what arrived is its own word. */
let payee: EmbeddedNode
const settled: Settlement[] = []
beforeAll(async () => {
  payee = await createEmbeddedNode({ home: chain, name: 'payee' })
  payee.subscribeSettlements(0n, (settlement) => settled.push(settlement), console.error)
})
afterAll(() => payee?.close())

const invoice = async (request: Partial<InvoiceRequest> = {}) => {
  const [made] = await payee.createInvoices([{ amount: sat(5), description: 'tea', expiresInSeconds: 600, ...request }])
  return made!
}
const pay = (request: string, ...more: string[]) => run('pay', request, '--json', ...more)
const arrived = (hash: string) => settled.filter(({ paymentHash }) => paymentHash === hash)
const payments = async (): Promise<readonly Event[]> => (await run('history', '--payments', '--json')).events

describe('an invoice', () => {
  test('is made, waited for, read without a node, paid, shown and listed', async () => {
    const making = start(
      'invoice',
      'create',
      '50 sat',
      '--description',
      'tea ½',
      '--expires',
      '10min',
      '--wait',
      '--json',
    )
    const made = await making.event('invoice')
    expect(made).toMatchObject({ network: 'regtest', amount: '50000', description: 'tea ½' })

    const read = await run('decode', `lightning:${String(made.request).toUpperCase()}`, '--json')
    expect(read.last).toMatchObject({
      ...{ network: 'regtest', amount: '50000', description: 'tea ½', paymentHash: made.paymentHash },
      ...{ payee: made.payee, expired: false, expiresAtMs: made.expiresAtMs, routeHints: [] },
    })

    const paid = await pay(made.request as string)
    expect(paid.code, paid.stderr).toBe(0)
    expect(paid.events.map(({ event }) => event)).toEqual(['paying', 'payment'])
    expect(paid.last).toMatchObject({ status: 'settled', amount: '50000', fee: '0', before: false, payee: made.payee })
    expect(paid.last.preimage).toMatch(/^[0-9a-f]{64}$/)

    const { code, last } = await making.end()
    expect(code).toBe(0)
    expect(last).toMatchObject({ event: 'settled', received: '50000', status: 'settled' })
    const shown = await run('invoice', 'show', made.paymentHash as string, '--json')
    expect(shown.last).toMatchObject({ status: 'settled', received: '50000', request: made.request })
    const { events } = await run('invoice', 'list', '--json')
    expect(events).toMatchObject([{ event: 'invoice', paymentHash: made.paymentHash, status: 'settled' }])

    const [entry] = (await run('history', '--json')).events
    expect(entry).toMatchObject({
      seller: `lightning://${made.payee}`,
      status: 'settled',
      amount: '50000',
      agreement: '',
    })
  })

  test('that nobody pays in its time ends the wait with what to do', async () => {
    const { code, error } = await run('invoice', 'create', '1 sat', '--expires', '1s', '--wait', '--json')
    expect(code).toBe(5)
    expect(error).toMatchObject({ code: 'invoice-unpaid', hint: expect.stringContaining('--wait') })
  })

  test('speaks JSON in a pipe, unasked', async () => {
    const { stdout, stderr, code } = await run(
      'decode',
      foreignInvoice({ network: 'signet', description: 'x\u001b[2J' }),
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout.toString())).toMatchObject({
      event: 'invoice',
      network: 'signet',
      description: 'x\u001b[2J',
    })
  })

  test.skipIf(!existsSync(SCRIPT))(
    'on a terminal is words and a code, and what a payee wrote does not steer it',
    async () => {
      const onTerminal = async (...args: string[]): Promise<string> => {
        const line = [process.execPath, MAIN, ...args].map((part) => `'${part}'`).join(' ')
        const env = { ...process.env, STREAMPAY_HOME: join(home, 'state'), TERM: 'xterm', NO_COLOR: '1' }
        return (await promisify(execFile)(SCRIPT, ['-qec', line, '/dev/null'], { env })).stdout
      }
      const expired = foreignInvoice({
        network: 'mainnet',
        createdAtMs: Date.now() - 4 * 86_400_000,
        description: 'a\u001b[2J\u202eb',
      })
      const text = await onTerminal('decode', expired)
      expect(text).toMatch(/mainnet: real money/)
      expect(text).toMatch(/expired .*, 3 days ago/)
      expect(text).toContain('"a\\u{1b}[2J\\u{202e}b"')
      expect(text).not.toContain('\u001b[2J')
      const made = await onTerminal('invoice', 'create', 'any', '--description', 'tips')
      expect(made).toContain('\u001b[38;5;16;48;5;231m')
      const plain = stripVTControlCharacters(made)
      expect(plain).toMatch(/█▀▀▀▀▀█/)
      expect(plain).toMatch(/any amount on regtest; expires in 59 minutes/)
      expect(plain).toMatch(/^lnbcrt1[0-9a-z]+\r?$/m)
    },
  )
})

describe('a payment', () => {
  test('is made once, however often it is asked for', async () => {
    const { request, paymentHash } = await invoice()
    const together = await Promise.all([pay(request), pay(request), pay(request)])
    const ok = together.filter(({ code }) => code === 0)
    expect(ok.length).toBeGreaterThan(0)
    for (const { code, error } of together) if (code !== 0) expect([code, error?.code]).toEqual([10, 'payment-unknown'])
    const later = await pay(request)
    expect(later.last).toMatchObject({ before: true, preimage: ok[0]!.last.preimage })
    expect(later.events).toHaveLength(1)
    expect(arrived(paymentHash)).toHaveLength(1)
  })

  test('of an amount that the invoice leaves open is of what is said, and only then', async () => {
    const { request, paymentHash } = await invoice({ amount: 'any' })
    expect(await pay(request)).toMatchObject({ code: 2, error: { message: expect.stringContaining('--amount') } })
    expect(await pay(request, '--amount', '7 sat')).toMatchObject({ code: 0, last: { amount: '7000' } })
    expect(arrived(paymentHash)).toMatchObject([{ amount: 7000n }])
    const named = await invoice()
    expect(await pay(named.request, '--amount', '6 sat')).toMatchObject({ code: 2, error: { code: 'option-invalid' } })
    expect(arrived(named.paymentHash)).toEqual([])
  })

  test('of an invoice of each other network is refused, and nothing is written', async () => {
    const before = await payments()
    for (const network of ['mainnet', 'testnet', 'signet', 'simnet'] as const) {
      const { code, error } = await pay(foreignInvoice({ network }))
      expect([code, error?.code]).toEqual([9, 'network-mismatch'])
      expect(error).toMatchObject({ message: `the invoice is on ${network}, and node buyer on regtest` })
    }
    expect(await payments()).toEqual(before)
  })

  test('of what has expired, was altered, is its own or no invoice is refused, and nothing is written', async () => {
    const before = await payments()
    const { request } = await invoice()
    const altered = `${request.slice(0, 30)}${request[30] === 'q' ? 'p' : 'q'}${request.slice(31)}`
    const own = await createEmbeddedNode({ home: chain, name: 'buyer' })
    const [mine] = await own.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
    await own.close()
    for (const [text, code] of [
      [foreignInvoice({ createdAtMs: Date.now() - 700_000 }), 'invoice-invalid'],
      [altered, 'invoice-invalid'],
      [mine!.request, 'invoice-invalid'],
      ['lnbcrt1nonsense', 'invoice-invalid'],
      ['bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', 'invoice-invalid'],
    ]) {
      expect((await pay(text!)).error, text).toMatchObject({ code })
    }
    expect(await payments()).toEqual(before)
  })

  test('without a route, or without the money, says so with what to do, and can be tried again', async () => {
    const stranger = await pay(foreignInvoice())
    expect(stranger).toMatchObject({ code: 5, error: { code: 'no-route', hint: expect.stringContaining('channel') } })
    const large = await invoice({ amount: sat(30_000_000) })
    expect(await pay(large.request)).toMatchObject({ code: 5, error: { code: 'balance-insufficient' } })
    const again = await pay(large.request)
    expect(again).toMatchObject({ code: 5, error: { code: 'balance-insufficient' } })
    const last = (await payments()).filter(({ paymentHash }) => paymentHash === large.paymentHash)
    expect(last).toMatchObject([{ status: 'failed' }])
  })

  test('counts against the limits of every other, and is refused by them', async () => {
    const { last } = await run('budget', '--json')
    const total = (last.limits as Event[]).find(({ limit }) => limit === 'total')
    await run('budget', 'set', 'total', `${BigInt(total!.spent as string) + 9_999n} msat`)
    const { request, paymentHash } = await invoice()
    // 5 sat, and as much for routing.
    expect(await pay(request)).toMatchObject({ code: 4, error: { code: 'budget-exhausted', limit: 'total' } })
    expect(arrived(paymentHash)).toEqual([])
    const capped = await pay(request, '--max-fee', '1 sat')
    expect(capped).toMatchObject({ code: 0 })
    expect(capped.events.map(({ event }) => event)).toContain('payment')
    await run('budget', 'set', 'total', 'none')
  })

  test('without an invoice is written with its hash before it is sent', async () => {
    const { publicKey } = await payee.info()
    const sent = await run('keysend', `${publicKey}@127.0.0.1:9735`, '3 sat', '--json')
    expect(sent, sent.stderr).toMatchObject({ code: 0, last: { event: 'payment', amount: '3000', payee: publicKey } })
    const hash = sent.last.paymentHash as string
    await expect.poll(() => arrived(hash)).toMatchObject([{ amount: 3000n }])
    expect((await payments()).find(({ paymentHash }) => paymentHash === hash)).toMatchObject({
      status: 'settled',
      invoice: `keysend:${publicKey}`,
      preimage: sent.last.preimage,
    })
    expect(await run('keysend', 'nonsense', '3 sat', '--json')).toMatchObject({ code: 2 })
    expect(await run('keysend', publicKey, '0 sat', '--json')).toMatchObject({ code: 2 })
  })
})

test(
  `a payment that is killed in its middle is made once, and told of, ${KILLS} times, KILL_SEED=${random.seed}`,
  async () => {
    for (let round = 0; round < KILLS; round++) {
      const { request, paymentHash } = await invoice()
      const paying = start('pay', request, '--json')
      await paying.event('paying')
      await sleep(random.next() * 200)
      paying.signal('SIGKILL')
      await paying.end()
      if (round % 2) await run('recover', '--json', '--wait', '30s')
      const { code, last } = await pay(request)
      expect([code, last.status], JSON.stringify(last)).toEqual([0, 'settled'])
      await expect.poll(() => arrived(paymentHash)).toHaveLength(1)
      const entries = (await payments()).filter((entry) => entry.paymentHash === paymentHash)
      expect(entries).toMatchObject([{ status: 'settled', preimage: last.preimage }])
    }
    const { last } = await run('recover', '--json', '--wait', '1s')
    expect(last).toMatchObject({ ok: true, open: 0 })
  },
  60_000 + KILLS * 40_000,
)
