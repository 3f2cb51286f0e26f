import type { Attack, Measure } from '../attack.ts'
import {
  AHEAD,
  bytesRead,
  film,
  KIB,
  mustHavePaid,
  nothing,
  type Sale,
  type SaleOptions,
  sell,
  worst,
} from '../sale.ts'
import { drip, flood } from '../speaker/goods.ts'

/** Readers that were never told, and had to give up by themselves. */
const leftWaiting = (sales: readonly Sale[]) => ({
  measure: 'readers never told',
  loss: BigInt(sales.flatMap(({ purchase }) => purchase.fetched).filter(({ error }) => error === 'patience').length),
  bound: 0n,
})

export const stallAfterPayment: Attack = {
  name: 'stall-after-payment',
  side: 'seller',
  what: 'takes the money and stops: after the first sixteen kibibytes, after the head, and before eight readers at once',
  async run(stage) {
    const stop = () => new Promise<void>(() => {})
    const sales = await Promise.all([
      sell(stage, { lies: { use: async (visit) => void ((await film(visit, 16)) && (await stop())) } }),
      sell(stage, { lies: { use: ({ outgoing }) => void outgoing.writeHead(200).flushHeaders() } }),
      sell(stage, {
        lies: { use: async (visit) => void ((await film(visit, 4)) && (await stop())) },
        order: { atOnce: 8 },
      }),
    ])
    for (const sale of sales) mustHavePaid(sale)
    return worst(sales, { also: [leftWaiting(sales)] })
  },
}

/** An answer that never begins may be one that takes long: its reader waits as long as it pleases, and its money is bounded. */
export const neverAnswers: Attack = {
  name: 'never-answers',
  side: 'seller',
  what: 'takes the opening payment and leaves the paid request without any answer, three times over',
  async run(stage) {
    const sale = await sell(stage, { lies: { use: () => {} }, order: { fetches: 3, patienceMs: 3000 } })
    mustHavePaid(sale)
    return worst([sale], { tries: 3 })
  },
}

/** One agreement is one bound, however often the reader comes back. */
export const hangUps: Attack = {
  name: 'hang-up-after-payment',
  side: 'seller',
  what: 'breaks the connection off as soon as money came, ten times in a row on one agreement',
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        use: async ({ stall, outgoing, deal }) => {
          const before = deal ? stall.paid(deal) : 0n
          for (let i = 0; i < 30 && deal && stall.paid(deal) <= before; i++)
            await drip(stall, outgoing, [], 0).then(pause)
          outgoing.destroy()
        },
      },
      order: { fetches: 10 },
    })
    mustHavePaid(sale)
    return worst([sale], { tries: 10 })
  },
}
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

/** What bytes are worth nobody can count: junk is paid like anything else, as far as the reader reads. */
export const junk: Attack = {
  name: 'junk',
  side: 'seller',
  what: 'sells random bytes as a film; the reader leaves after the first 8 KiB',
  async run(stage) {
    const sale = await sell(stage, {
      worth: nothing,
      lies: {
        use: async ({ stall, outgoing }) => {
          outgoing.writeHead(200, { 'content-type': 'video/mp4' })
          for (let i = 0; i < 400; i++) {
            if (!(await drip(stall, outgoing, [crypto.getRandomValues(new Uint8Array(KIB))], 5))) return
          }
        },
      },
      order: { stopAfter: 8 * KIB },
    })
    mustHavePaid(sale)
    const read = sale.purchase.fetched.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n)
    return worst([sale], { bound: AHEAD + (read * 1000n) / BigInt(KIB) })
  },
}

/** Streams a text over and over, without end, by the token. */
const endless = (text: string, max = '200 sat'): SaleOptions => ({
  price: '100 msat/token',
  worth: nothing,
  order: { patienceMs: 5000, weighed: true, max },
  lies: {
    use: async ({ stall, outgoing }) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
      await flood(stall, outgoing, text, 256 << 20)
    },
  },
})

const held = (sales: readonly Sale[]): Measure => ({
  measure: 'bytes held',
  loss: BigInt(Math.max(...sales.map(({ purchase }) => purchase.grownAtMost))),
  bound: 48n << 20n,
})

/** An answer that never ends and holds nothing that counts costs the opening payment and no more. */
export const emptyEvents: Attack = {
  name: 'endless-empty-events',
  side: 'seller',
  what: 'streams comments and empty events without end and without a token',
  async run(stage) {
    const sales = [
      await sell(stage, endless(': nothing\n\n'.repeat(100))),
      await sell(stage, endless('data: {"choices":[]}\n\n'.repeat(50))),
    ]
    for (const sale of sales) mustHavePaid(sale)
    return worst(sales, { also: [held(sales)] })
  },
  alone: true,
}

/** What is too long to be read as an event counts like any other text, by its bytes. */
export const endlessEvent: Attack = {
  name: 'endless-event',
  side: 'seller',
  what: 'streams one event that never ends',
  async run(stage) {
    const max = 60_000n
    const sale = await sell(stage, endless('x'.repeat(4096), `${max} msat`))
    mustHavePaid(sale)
    const everyByte = AHEAD + (bytesRead(sale.purchase.fetched, sale.stall) / 4n) * 100n
    return worst([sale], { bound: everyByte < max ? everyByte : max, also: [held([sale])] })
  },
  alone: true,
}
