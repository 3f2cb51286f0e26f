import { describe, expect, test } from 'vitest'
import { sat } from '../../src/money/msat.ts'
import { systemClock } from '../../src/seller/clock.ts'
import { parseCredential } from '../../src/wire/credential.ts'
import { bytes, type Market, openMarket, readAll, Source, sleep, until } from './market.ts'
import { codeOf, NONCE, RawBuyer } from './wire.ts'

const KIB = 1024
const nonce = (n: number): string => n.toString(16).padStart(32, '0')

/** A clock that moves when it is told. */
function handClock() {
  let ms = 0
  return {
    ...systemClock,
    monotonicMs: () => ms,
    pass: (passedMs: number) => {
      ms += passedMs
    },
  }
}

async function expectLimited(response: Response, code: string): Promise<number> {
  expect(response.status).toBe(429)
  expect(await codeOf(response)).toBe(code)
  return Number(response.headers.get('retry-after'))
}

const signatures = ({ nodes: { seller } }: Market): { count: number } => {
  const seen = { count: 0 }
  const sign = seller.signMessage.bind(seller)
  seller.signMessage = (text) => {
    seen.count++
    return sign(text)
  }
  return seen
}

describe('a stranger', () => {
  test('has the node make so many invoices, and is told when it may have more', async () => {
    const clock = handClock()
    const limits = { strangerRate: { burst: 5, perSecond: 0.1 } }
    const market = await openMarket({ handler: bytes(KIB), limits, parts: { clock } })
    const raw = await new RawBuyer(market).agree([1000n, 1000n, 1000n])
    const more = { action: 'invoices', ...raw.proof, amounts: [sat(1), sat(1)] } as const
    expect((await raw.send(more)).status).toBe(200)
    const { calls } = market.nodes.seller
    expect(await expectLimited(await raw.send(more), 'rate-limited')).toBe(20)
    const accept = { action: 'accept', nonce: nonce(7), invoices: [] } as const
    expect(await expectLimited(await raw.send(accept), 'rate-limited')).toBe(10)
    expect(market.nodes.seller.calls, 'the node was not asked').toBe(calls)
    expect(market.accounts.size, 'nothing was agreed').toBe(1)
    clock.pass(10_000)
    expect((await raw.send(accept)).status).toBe(200)
    // Whoever pays is no stranger.
    raw.pay(raw.deal.invoices[0]!)
    await until(() => [...market.accounts].some(({ gate }) => gate.paid > 0n))
    for (let i = 0; i < 5; i++) expect((await raw.send(more)).status).toBe(200)
  })

  test('that pays has used up nothing of its address', async () => {
    const limits = { strangerRate: { burst: 3, perSecond: 0.001 } }
    const market = await openMarket({ handler: bytes(KIB), limits, parts: { clock: handClock() } })
    for (let n = 0; n < 5; n++) {
      const raw = await new RawBuyer(market).agree([1000n, 1000n], nonce(n))
      raw.pay(raw.deal.invoices[0]!)
      const { id } = raw.deal.agreement
      await until(() => [...market.accounts].some(({ agreement, gate }) => agreement.id === id && gate.paid > 0n))
    }
    await new RawBuyer(market).agree([1000n, 1000n, 1000n], nonce(8))
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    await expectLimited(await raw.send({ action: 'accept', nonce: nonce(9), invoices: [] }), 'rate-limited')
  })

  test('does not use up what is there for others, who have an address of their own behind a proxy', async () => {
    const limits = { strangerRate: { burst: 2, perSecond: 0.1 } }
    const market = await openMarket({ handler: bytes(KIB), limits, trustProxy: 1, parts: { clock: handClock() } })
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const accept = (n: number, forwarded: string) =>
      raw.send({ action: 'accept', nonce: nonce(n), invoices: [] }, {}, { 'x-forwarded-for': forwarded })
    for (const n of [1, 2]) expect((await accept(n, '198.51.100.1')).status).toBe(200)
    await expectLimited(await accept(3, '10.0.0.1, 198.51.100.1'), 'rate-limited')
    expect((await accept(3, '198.51.100.2')).status).toBe(200)
  })

  test('without a trusted proxy is not believed whom it speaks for', async () => {
    const limits = { strangerRate: { burst: 2, perSecond: 0.1 } }
    const market = await openMarket({ handler: bytes(KIB), limits, parts: { clock: handClock() } })
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const accept = (n: number) =>
      raw.send({ action: 'accept', nonce: nonce(n), invoices: [] }, {}, { 'x-forwarded-for': `198.51.100.${n}` })
    for (const n of [1, 2]) expect((await accept(n)).status).toBe(200)
    await expectLimited(await accept(3), 'rate-limited')
  })

  test('is one of many: all together are bounded too, and who is refused for that keeps its own', async () => {
    const clock = handClock()
    const limits = { strangerRate: { burst: 2, perSecond: 0.001 }, strangersRate: { burst: 3, perSecond: 1 } }
    const market = await openMarket({ handler: bytes(KIB), limits, trustProxy: 1, parts: { clock } })
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const accept = (n: number) =>
      raw.send({ action: 'accept', nonce: nonce(n), invoices: [] }, {}, { 'x-forwarded-for': `198.51.100.${n % 10}` })
    for (const n of [1, 2, 3]) expect((await accept(n)).status).toBe(200)
    for (let i = 0; i < 4; i++) expect(await expectLimited(await accept(4), 'rate-limited')).toBe(1)
    clock.pass(2000)
    for (const n of [4, 14]) expect((await accept(n)).status).toBe(200)
  })

  test('closes what it never paid on for one signature, however often it asks, and only so often', async () => {
    const limits = { strangerRate: { burst: 3, perSecond: 0.1 } }
    const market = await openMarket({ handler: bytes(KIB), limits, parts: { clock: handClock() } })
    const signed = signatures(market)
    const [one, two] = [await new RawBuyer(market).agree(), await new RawBuyer(market).agree([], nonce(1))]
    const closing = { action: 'close', ...one.proof } as const
    const answers = await Promise.all(Array.from({ length: 10 }, () => one.send(closing)))
    for (const answer of answers) expect(answer.status).toBe(200)
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1)
    for (let i = 0; i < 10; i++) expect((await one.send(closing)).status).toBe(200)
    expect(signed.count).toBe(1)
    await expectLimited(await two.send({ action: 'close', ...two.proof }), 'rate-limited')
    expect(signed.count).toBe(1)
    expect(
      [...market.accounts].filter(({ closed }) => closed),
      'what was refused changed nothing',
    ).toHaveLength(1)
  })

  test('asks for returns of nothing without any call to the node', async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    const raw = await new RawBuyer(market).agree()
    await raw.send({ action: 'close', ...raw.proof })
    const [invoice] = await market.nodes.buyer.createInvoices([
      { amount: sat(1), description: '', expiresInSeconds: 60 },
    ])
    const { calls } = market.nodes.seller
    for (let i = 0; i < 20; i++) {
      const response = await raw.send({ action: 'return', ...raw.proof, invoice: invoice!.request })
      expect(await codeOf(response)).toBe('return-invalid')
    }
    expect(market.nodes.seller.calls).toBe(calls)
  })

  test('holds so many connections while it has not paid, on one agreement and on all', async () => {
    const clock = handClock()
    const limits = { waiting: 5, waitingPerAgreement: 3 }
    const market = await openMarket({ handler: bytes(KIB), limits, graceMs: 60_000, parts: { clock } })
    const one = await new RawBuyer(market).agree([9000n])
    const two = await new RawBuyer(market).agree([], nonce(1))
    const held = Array.from({ length: 3 }, () => one.use())
    const account = () => market.wall.seller.accounts.inMemory.get(one.deal.agreement.id)!
    await until(() => account().activeDeliveries === 3)
    expect(await expectLimited(await one.use(), 'too-many-streams')).toBe(1)
    clock.pass(20_000)
    const leave = new AbortController()
    const watching = await two.send({ action: 'watch', ...two.proof }, { signal: leave.signal })
    const waiting = two.use({ signal: leave.signal }).catch(() => undefined)
    const other = () => market.wall.seller.accounts.inMemory.get(two.deal.agreement.id)!
    await until(() => other().activeDeliveries === 1)
    // The first who came gives up in 40 s.
    expect(await expectLimited(await two.use(), 'too-many-streams')).toBe(40)
    expect(await expectLimited(await two.send({ action: 'watch', ...two.proof }), 'too-many-streams')).toBe(40)
    one.pay(...one.deal.invoices)
    expect(await Promise.all(held.map(async (response) => readAll(await response)))).toEqual([KIB, KIB, KIB])
    expect(await readAll(await one.use())).toBe(KIB)
    leave.abort()
    await waiting
    await watching.body?.cancel().catch(() => {})
    await until(() => other().activeDeliveries === 0)
  })
})

describe('a busy buyer', () => {
  test('is served 64 requests at once, before and after its first payment', async () => {
    const market = await openMarket({ price: '1 sat/request', handler: () => new Response('x') })
    const buyer = market.buyer({ ahead: '100 sat', max: '1000 sat' })
    for (let round = 0; round < 2; round++) {
      const all = await Promise.all(Array.from({ length: 64 }, () => buyer.fetch(market.url)))
      expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
      await Promise.all(all.map((response) => response.text()))
    }
  })

  test('has so many requests and watches at once, and more when some end', async () => {
    const limits = { deliveriesPerAgreement: 2, watchesPerAgreement: 2 }
    let sources: Source[] = []
    const { promise: both, resolve: goOn } = Promise.withResolvers<void>()
    const handler = () => {
      const source = new Source(KIB, 1024, () => both)
      sources = [...sources, source]
      return new Response(source.body)
    }
    const market = await openMarket({ handler, limits })
    const raw = await new RawBuyer(market).agree([9000n])
    raw.pay(...raw.deal.invoices)
    await until(() => market.account.gate.paid === 9000n)
    const running = [await raw.use(), await raw.use()]
    expect(await expectLimited(await raw.use(), 'too-many-streams')).toBe(1)
    goOn()
    for (const response of running) expect(await readAll(response)).toBe(KIB)
    expect(await readAll(await raw.use())).toBe(KIB)
    expect(sources).toHaveLength(3)

    const watch = { action: 'watch', ...raw.proof } as const
    const watches = [await raw.send(watch), await raw.send(watch)]
    expect(await expectLimited(await raw.send(watch), 'too-many-streams')).toBe(1)
    await watches[0]!.body!.cancel()
    let again = await raw.send(watch)
    for (let i = 0; i < 200 && again.status === 429; i++) {
      await again.text()
      await sleep(10)
      again = await raw.send(watch)
    }
    expect(again.status).toBe(200)
    await Promise.all([watches[1], again].map((response) => response!.body!.cancel()))
  })
})

describe('Retry-After', () => {
  test('of too many unpaid agreements is a minute at most, and of too many invoices when the first expires', async () => {
    const market = await openMarket({ handler: bytes(KIB), maxUnpaidAgreements: 1 })
    const raw = await new RawBuyer(market).agree(Array.from({ length: 16 }, () => 1000n))
    const accept = { action: 'accept', nonce: nonce(1), invoices: [] } as const
    expect(await expectLimited(await raw.send(accept), 'too-many-agreements')).toBe(60)
    const more = { action: 'invoices', ...raw.proof, amounts: [sat(1)] } as const
    const seconds = await expectLimited(await raw.send(more), 'too-many-invoices')
    expect(seconds).toBeGreaterThan(540)
    expect(seconds).toBeLessThanOrEqual(600)
  })

  test('is on no other refusal', async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    const raw = new RawBuyer(market)
    raw.challenge = { ...(await raw.ask()), realm: 'elsewhere' }
    const refused = await raw.send({ action: 'accept', nonce: NONCE, invoices: [] })
    expect(refused.headers.get('retry-after')).toBeNull()
  })

  test('is what a buyer waits before it asks again, and it asks a few times at most', async () => {
    const asked: number[] = []
    let refusals = 1
    const market = await openMarket({
      handler: bytes(8 * KIB),
      tamper: (inner) => async (request) => {
        const credential = request.headers.get('authorization')
        if (credential === null || parseCredential(credential).payload.action !== 'close') return inner(request)
        asked.push(performance.now())
        if (asked.length > refusals) return inner(request)
        return new Response('{}', { status: 429, headers: { 'retry-after': asked.length === 1 ? '1' : '0' } })
      },
    })
    const [patient, flooded] = [market.buyer(), market.buyer()]
    await readAll(await patient.fetch(market.url))
    expect(await patient.close()).toHaveLength(1)
    expect(asked).toHaveLength(2)
    expect(asked[1]! - asked[0]!).toBeGreaterThanOrEqual(1000)
    await readAll(await flooded.fetch(market.url))
    asked.length = 0
    refusals = Number.POSITIVE_INFINITY
    await flooded.close().catch(() => {})
    expect(asked).toHaveLength(4)
  })
})
