import { parsePrice } from '../../../src/money/price.ts'
import type { Attack } from '../attack.ts'
import { AHEAD, claiming, film, mustHavePaid, nothing, type Sale, sell, worst } from '../sale.ts'
import { drip, push, repeat, tokenEvent, usageEvent } from '../speaker/goods.ts'
import type { Visit } from '../speaker/seller.ts'

/** Bytes are counted by both: whatever the seller says, the buyer pays for what it read. */
export const overcountBytes: Attack = {
  name: 'overcount-bytes',
  side: 'seller',
  what: 'streams a film of 200 KiB and states three times the bytes that it sent',
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        use: async (visit) => void ((await film(visit, 200)) && visit.outgoing.end()),
        statement: (statement) => claiming(statement, statement.steps * 3n + 100_000n),
      },
    })
    mustHavePaid(sale)
    return worst([sale])
  },
}

/** The count goes on when the body is over. */
export const countAfterEnd: Attack = {
  name: 'count-after-end',
  side: 'seller',
  what: 'ends each of two films honestly, and goes on counting ten kibibytes a millisecond after their ends',
  async run(stage) {
    let endedAt: number | undefined
    const sale = await sell(stage, {
      lies: {
        use: async (visit) => {
          if (await film(visit, 12)) visit.outgoing.end()
          endedAt ??= Date.now()
        },
        statement: (statement) =>
          claiming(statement, statement.steps + (endedAt === undefined ? 0n : BigInt(Date.now() - endedAt) * 10_240n)),
      },
      order: { fetches: 2 },
    })
    mustHavePaid(sale)
    return worst([sale])
  },
}

const TOKEN_PRICE = '100 msat/token'
const PADDING = 64 * 1024
const tokens = (fetched: Sale['purchase']['fetched']): bigint =>
  fetched.reduce((sum, one) => sum + BigInt(one.tokens), 0n)
const asEvents = ({ outgoing }: Visit) => outgoing.writeHead(200, { 'content-type': 'text/event-stream' })

/** `usage` replaces the count of the events: it must not be worth more than what is paid ahead. */
export const overcountUsage: Attack = {
  name: 'overcount-usage',
  side: 'seller',
  what: 'sends twenty tokens and then a usage of a million, one that doubles with every token, and one that 64 KiB of filling make likely',
  async run(stage) {
    const ways: ReadonlyArray<readonly string[]> = [
      [usageEvent(1_000_000)],
      Array.from({ length: 10 }, (_, i) => tokenEvent('w') + usageEvent(1000 * 2 ** i)),
      [`: ${'x'.repeat(PADDING)}\n${usageEvent(PADDING)}`],
    ]
    const sales: Sale[] = []
    for (const way of ways) {
      const sale = await sell(stage, {
        price: TOKEN_PRICE,
        worth: tokens,
        lies: {
          use: async (visit) => {
            asEvents(visit)
            await drip(visit.stall, visit.outgoing, repeat(tokenEvent('w'), 20), 10)
            await drip(visit.stall, visit.outgoing, way, 50)
            visit.outgoing.end()
          },
        },
      })
      mustHavePaid(sale)
      sales.push(sale)
    }
    // One jump that is believed is worth what was ahead at that moment; and as much may be ahead again when it shows.
    return worst(sales, { bound: 2n * AHEAD })
  },
}

const JUMP = 200

/** As much usage as its bytes allow: a token is what the seller says it is, up to one for every byte that it sent. */
export const steadyUsage: Attack = {
  name: 'overcount-usage-steadily',
  side: 'seller',
  what: 'sends one token every 25 ms in an event of 200 bytes, and states with each a usage of one token for every byte so far',
  async run(stage) {
    const max = 60_000n
    const sale = await sell(stage, {
      price: TOKEN_PRICE,
      worth: tokens,
      lies: {
        use: async (visit) => {
          asEvents(visit)
          for (let i = 1; i <= 120; i++) {
            const event = `: ${'x'.repeat(JUMP)}\n${tokenEvent('w')}${usageEvent(JUMP * i)}`
            if (!(await drip(visit.stall, visit.outgoing, [event], 25))) return
          }
          visit.outgoing.end()
        },
      },
      order: { max: `${max} msat` },
    })
    mustHavePaid(sale)
    const { msat, per } = parsePrice(TOKEN_PRICE)
    const bytes = sale.purchase.fetched.reduce((sum, one) => sum + BigInt(one.bytes), 0n)
    const everyByte = (bytes * msat) / per
    return worst([sale], { bound: everyByte < max ? everyByte : max })
  },
}

/** A whole answer in JSON names its usage itself. */
export const overcountJson: Attack = {
  name: 'overcount-usage-json',
  side: 'seller',
  what: 'answers a paid request with 60 bytes of JSON that claim a usage of a million tokens, and asks for the money',
  async run(stage) {
    const sale = await sell(stage, {
      price: TOKEN_PRICE,
      // Sixty bytes are fifteen tokens, where no usage is told.
      worth: (fetched) => fetched.reduce((sum, { bytes }) => sum + BigInt(Math.ceil(bytes / 4)), 0n),
      lies: {
        use: ({ outgoing }) => {
          outgoing.writeHead(200, { 'content-type': 'application/json' })
          outgoing.end('{"choices":[{"text":"hello"}],"usage":{"completion_tokens":1000000}}')
        },
      },
      order: { fetches: 3 },
    })
    mustHavePaid(sale)
    return worst([sale])
  },
}

const SECOND_PRICE = '10 sat/s'
const msOf = (fetched: Sale['purchase']['fetched']): bigint =>
  fetched.reduce((sum, { ms }) => sum + BigInt(Math.ceil(ms)), 0n)

/** Time is bounded by the buyer's own clock. */
export const overcountSeconds: Attack = {
  name: 'overcount-seconds',
  side: 'seller',
  what: 'works for two seconds and states hours, growing by a minute with every statement',
  async run(stage) {
    let minutes = 0n
    const sale = await sell(stage, {
      price: SECOND_PRICE,
      worth: msOf,
      lies: {
        use: async ({ stall, outgoing }) => {
          outgoing.writeHead(200, { 'content-type': 'text/plain' })
          await drip(stall, outgoing, repeat('tick\n', 20), 100)
          outgoing.end()
        },
        statement: (statement) => claiming(statement, minutes++ * 60_000n),
      },
    })
    return worst([sale])
  },
}

/** A seller that only holds the line and lets the clock run is paid for the time until the buyer calls it a stall. */
export const idleSeconds: Attack = {
  name: 'idle-seconds',
  side: 'seller',
  what: 'sends one byte, and then states only that time goes by',
  async run(stage) {
    const stallMs = 1500n
    const began = new Map<string, number>()
    const sale = await sell(stage, {
      price: SECOND_PRICE,
      worth: nothing,
      lies: {
        use: async ({ stall, outgoing, deal }) => {
          outgoing.writeHead(200, { 'content-type': 'text/plain' })
          await push(stall, outgoing, '.')
          if (deal) began.set(deal.agreement.id, Date.now())
        },
        statement: (statement, { agreement }) => {
          const since = began.get(agreement.id)
          return claiming(statement, since === undefined ? 0n : BigInt(Date.now() - since))
        },
      },
      order: { stallMs: Number(stallMs) },
    })
    mustHavePaid(sale)
    const { msat, per } = parsePrice(SECOND_PRICE)
    // The stall is looked for every quarter of its time.
    const idle = (((stallMs * 5n) / 4n + 1000n) * msat) / per
    return worst([sale], { bound: AHEAD + idle })
  },
}

/** A unit of the seller's own is on trust: its bound is the budget, and whoever set a price for another unit is not taken in. */
export const overcountOwnUnit: Attack = {
  name: 'overcount-own-unit',
  side: 'seller',
  what: 'sells by the page, delivers none, and states another page every 50 ms',
  async run(stage) {
    const max = 60_000n
    let pages = 0n
    const sale = await sell(stage, {
      price: '1 sat/page',
      worth: nothing,
      lies: {
        use: async ({ stall, outgoing }) => {
          outgoing.writeHead(200, { 'content-type': 'text/plain' })
          await drip(stall, outgoing, repeat('.', 40), 100)
          outgoing.end()
        },
        statement: (statement) => claiming(statement, pages++),
      },
      order: { max: `${max} msat` },
    })
    mustHavePaid(sale)
    return worst([sale], { bound: max })
  },
}

export const unitTrap: Attack = {
  name: 'own-unit-for-a-known-one',
  side: 'seller',
  what: 'offers a unit of its own to a buyer that set its highest price in kibibytes',
  async run(stage) {
    const sale = await sell(stage, { price: '1 sat/page', worth: nothing, lies: {}, order: { maxPrice: '2 sat/KiB' } })
    return worst([sale], { bound: 0n })
  },
}
