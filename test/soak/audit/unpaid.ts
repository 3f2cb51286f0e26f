import { costDown } from '../../../src/money/price.ts'
import { creditOf, type SoldAgreement } from './books.ts'
import type { Evidence } from './evidence.ts'

/** What was at risk at the worst moment of the agreement that came closest to its bound. In msat. */
export interface Margin {
  readonly most: bigint
  readonly bound: bigint
  readonly agreement: string
}

export interface UnpaidFinding {
  /** What had reached the wire and was neither paid nor given away by a crash, against the credit. */
  readonly unpaid: Margin
  /** What one crash made the seller forget of an agreement, against the credit. */
  readonly forgotten: Margin
  /** All that crashes made the seller forget. */
  readonly forgottenInAll: bigint
  readonly faults: readonly string[]
}

/**
 * The seller's promise, by the wire's own count and the node's own word, over an agreement's whole life:
 * `reached the wire - forgotten in crashes - settled <= credit`. How this is sound is told in the README.
 */
export function judgeUnpaid({ seller, delivered, crashes, sellerLog }: Evidence): UnpaidFinding {
  const faults: string[] = []
  const settled = settledByAgreement(seller.invoices, sellerLog)
  let unpaid: Margin | undefined
  let forgotten: Margin | undefined
  let forgottenInAll = 0n
  for (const [id, { seen }] of delivered) {
    const agreement = seller.agreements.get(id)
    if (!agreement) {
      faults.push(`agreement ${id} delivered, and the ledger does not know it`)
      continue
    }
    const forgets = forgettings(agreement, crashes, faults)
    for (const { steps, before } of forgets) {
      forgottenInAll += costDown(agreement.price, steps) - costDown(agreement.price, before)
      forgotten = tighter(forgotten, {
        most: costDown(agreement.price, steps - before),
        bound: creditOf(agreement, agreement.paid),
        agreement: id,
      })
    }
    unpaid = tighter(unpaid, worstOf(agreement, seen, forgets, settled.get(id) ?? []))
  }
  const none = { most: 0n, bound: 0n, agreement: '' }
  const finding = { unpaid: unpaid ?? none, forgotten: forgotten ?? none, forgottenInAll, faults }
  if (finding.unpaid.most > finding.unpaid.bound) faults.push(`unpaid beyond the credit: ${show(finding.unpaid)}`)
  if (finding.forgotten.most > finding.forgotten.bound)
    faults.push(`forgotten beyond a lease: ${show(finding.forgotten)}`)
  return finding
}

const show = ({ most, bound, agreement }: Margin): string => `${most} > ${bound} msat, agreement ${agreement}`

/** The one nearer to its bound. */
export const tighter = (a: Margin | undefined, b: Margin): Margin => (a && a.bound - a.most <= b.bound - b.most ? a : b)

interface Forgetting {
  readonly t: number
  /** Steps forgotten so far, and before this crash. */
  readonly steps: bigint
  readonly before: bigint
}

/** How far what had left was beyond what a killed seller had written, and whether that was within its lease. */
function forgettings({ id }: SoldAgreement, crashes: Evidence['crashes'], faults: string[]): Forgetting[] {
  const found: Forgetting[] = []
  let steps = 0n
  for (const { t, agreements } of crashes) {
    const crashed = agreements.find((one) => one.id === id)
    if (!crashed) continue
    const { observedSteps, deliveredSteps, leasedSteps } = crashed
    if (observedSteps - steps > leasedSteps) {
      faults.push(`agreement ${id}: ${observedSteps - steps} steps left, ${leasedSteps} were leased`)
    }
    const before = steps
    if (observedSteps - deliveredSteps > steps) steps = observedSteps - deliveredSteps
    if (steps > before) found.push({ t, steps, before })
  }
  return found
}

interface Settled {
  readonly t: number
  /** Settled so far, by the node's word. */
  readonly paid: bigint
}

function settledByAgreement(
  invoices: Evidence['seller']['invoices'],
  log: Evidence['sellerLog'],
): ReadonlyMap<string, readonly Settled[]> {
  const found = new Map<string, Settled[]>()
  const seen = new Set<string>()
  for (const note of log) {
    // After a restart the node tells again what it told before.
    if (note.is !== 'settled' || seen.has(note.hash)) continue
    seen.add(note.hash)
    const agreement = invoices.get(note.hash)?.agreement
    if (agreement === undefined) continue
    const list = found.get(agreement) ?? []
    list.push({ t: note.t, paid: (list.at(-1)?.paid ?? 0n) + BigInt(note.amount) })
    found.set(agreement, list)
  }
  return found
}

function worstOf(
  agreement: SoldAgreement,
  seen: ReadonlyArray<{ readonly t: number; readonly steps: number }>,
  forgets: readonly Forgetting[],
  settled: readonly Settled[],
): Margin {
  let worst: Margin | undefined
  let [s, f] = [0, 0]
  for (const { t, steps } of seen) {
    while (s < settled.length && settled[s]!.t <= t) s++
    while (f < forgets.length && forgets[f]!.t <= t) f++
    const paid = s === 0 ? 0n : settled[s - 1]!.paid
    const gone = f === 0 ? 0n : forgets[f - 1]!.steps
    const most = costDown(agreement.price, BigInt(steps) - gone) - paid
    worst = tighter(worst, { most, bound: creditOf(agreement, paid), agreement: agreement.id })
  }
  return worst ?? { most: 0n, bound: creditOf(agreement, 0n), agreement: agreement.id }
}
