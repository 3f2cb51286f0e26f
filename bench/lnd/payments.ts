import type { LightningNode } from '../../src/lightning/node.ts'
import { type Msat, msat, sat } from '../../src/money/msat.ts'

export interface PaymentRun {
  readonly payer: LightningNode
  readonly payee: LightningNode
  readonly payments: number
  /** How many are on their way at once. */
  readonly inFlight: number
  /** Of each payment; 1 sat when absent. */
  readonly amount?: Msat
}

/** Milliseconds. */
export interface Spread {
  readonly median: number
  readonly p95: number
}

export interface PaymentFigures {
  readonly inFlight: number
  readonly payments: number
  readonly paymentsPerSecond: number
  /** From `pay()` until it resolves at the payer. */
  readonly payMs: Spread
  /** From `pay()` until the payee is told that it was paid: what a stream waits for. */
  readonly toldMs: Spread
}

/** Pays invoices that were made beforehand, always `inFlight` of them at once, and measures both ends. */
export async function measurePayments(run: PaymentRun): Promise<PaymentFigures> {
  const { payer, payee, payments, inFlight } = run
  const invoice = { amount: run.amount ?? sat(1), description: 'measurement', expiresInSeconds: 3600 }
  const invoices = await payee.createInvoices(Array.from({ length: payments }, () => invoice))
  const toldAt = new Map<string, number>()
  const everyoneTold = follow(payee, new Set(invoices.map(({ paymentHash }) => paymentHash)), toldAt)
  const payMs: number[] = []
  const startedAt = new Map<string, number>()
  const queue = [...invoices]
  const started = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const at = performance.now()
        startedAt.set(next.paymentHash, at)
        const outcome = await payer.pay({ request: next.request, maxFee: msat(0n), timeoutMs: 60_000 })
        if (outcome.status !== 'settled') throw new Error(`a payment did not settle: ${JSON.stringify(outcome)}`)
        payMs.push(performance.now() - at)
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  await everyoneTold
  const toldMs = [...toldAt].map(([hash, at]) => at - startedAt.get(hash)!)
  return { inFlight, payments, paymentsPerSecond: payments / seconds, payMs: spread(payMs), toldMs: spread(toldMs) }
}

/** Notes when each settlement is told; resolves when all were. */
function follow(payee: LightningNode, hashes: ReadonlySet<string>, toldAt: Map<string, number>): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = payee.subscribeSettlements(
      0n,
      ({ paymentHash }) => {
        if (!hashes.has(paymentHash)) return
        toldAt.set(paymentHash, performance.now())
        if (toldAt.size < hashes.size) return
        end()
        resolve()
      },
      reject,
    )
  })
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { median: at(0.5), p95: at(0.95) }
}

/** Milliseconds to make one invoice alone, and invoices per second when `atOnce` are asked for together. */
export async function measureInvoices(
  payee: LightningNode,
  atOnce: number,
): Promise<{ aloneMs: number; perSecond: number }> {
  const invoice = { amount: sat(1), description: 'measurement', expiresInSeconds: 60 }
  const alone: number[] = []
  for (let i = 0; i < 20; i++) {
    const at = performance.now()
    await payee.createInvoices([invoice])
    alone.push(performance.now() - at)
  }
  const at = performance.now()
  for (let i = 0; i < 4; i++) await payee.createInvoices(Array.from({ length: atOnce }, () => invoice))
  return { aloneMs: spread(alone).median, perSecond: (4 * atOnce * 1000) / (performance.now() - at) }
}
