import { type Msat, max, minus, msat, ZERO } from '../../money/msat.ts'
import { Pace } from '../pace.ts'
import { RateMeter } from '../rate.ts'
import { decide } from '../window.ts'

export interface Scenario {
  /** Consumption without stalls, in msat a second. */
  readonly ratePerSecond: bigint
  readonly ahead: Msat
  readonly credit: Msat
  readonly smallestPayment: Msat
  /** From sending a payment to its settlement at the seller, and to its preimage at the buyer, in ms; called for each. */
  readonly latencyMs: () => number
  readonly rttMs: number
  readonly durationMs: number
  /** The buyer looks again this often at the least, as it does whenever data comes. */
  readonly tickMs: number
  readonly budget?: Msat
}

export interface Outcome {
  /** Part of the time after the first payment's arrival for which the seller could not send. */
  readonly stallShare: number
  readonly paymentsPerSecond: number
  readonly payments: readonly Msat[]
  /** The most that each side had at risk. */
  readonly maxAhead: bigint
  readonly maxUnpaid: bigint
  readonly spent: bigint
}

interface Payment {
  readonly amount: Msat
  readonly sentAtMs: number
  readonly endsAtMs: number
}

/**
 * A stream and its payer on a clock of their own: the seller sends at `ratePerSecond` as far as paid + credit cover, the buyer
 * learns of it half a round trip later and pays as `decide` and `Pace` say. Nothing in it waits.
 */
export function simulate(scenario: Scenario): Outcome {
  const { ratePerSecond, ahead, credit, smallestPayment, rttMs, durationMs, tickMs } = scenario
  const pace = new Pace()
  pace.join()
  const rate = new RateMeter()
  const payments: Msat[] = []
  let flying: Payment[] = []
  let delivered = 0
  let paid = 0n
  let inFlight = 0n
  let [maxAhead, maxUnpaid] = [0n, 0n]
  let [stalledMs, flowingSince] = [0, Number.NaN]
  const onTheWire: Array<{ readonly atMs: number; readonly delivered: bigint }> = []
  let received = ZERO
  for (let now = 0; now < durationMs; now += tickMs) {
    for (const { amount, sentAtMs, endsAtMs } of flying.filter((payment) => payment.endsAtMs <= now)) {
      paid += amount
      inFlight -= amount
      pace.ended(endsAtMs - sentAtMs)
    }
    flying = flying.filter(({ endsAtMs }) => endsAtMs > now)

    const wanted = (Number(ratePerSecond) * tickMs) / 1000
    const covered = Number(paid + credit) - delivered
    const sent = Math.min(wanted, covered)
    delivered += sent
    if (Number.isNaN(flowingSince) && delivered > 0) flowingSince = now
    else if (flowingSince <= now) stalledMs += tickMs * (1 - sent / wanted)
    const unpaid = BigInt(Math.ceil(delivered)) - paid
    if (unpaid > maxUnpaid) maxUnpaid = unpaid
    onTheWire.push({ atMs: now + rttMs / 2, delivered: BigInt(Math.floor(delivered)) })
    while (onTheWire[0] && onTheWire[0].atMs <= now) received = msat(onTheWire.shift()!.delivered)

    rate.note(received, now)
    const due = minus(BigInt(Math.ceil(delivered)) + 1n, paid + credit)
    for (;;) {
      const decision = decide({
        ahead,
        credit,
        paid: msat(paid),
        inFlight: msat(inFlight),
        unknown: ZERO,
        received,
        demand: undefined,
        goesOn: false,
        due: sent < wanted ? max(due, ZERO) : ZERO,
        ratePerSecond: rate.perSecondOver(pace.latencyMs),
        latencyMs: pace.latencyMs,
        smallestPayment,
        feeFloor: ZERO,
        paymentsPerSecond: pace.share,
        budgetLeft: scenario.budget === undefined ? msat(10n ** 18n) : minus(scenario.budget, paid + inFlight),
      })
      if (!('pay' in decision) || pace.take(now, pace) > 0) break
      const amount = decision.pay
      payments.push(amount)
      inFlight += amount
      flying.push({ amount, sentAtMs: now, endsAtMs: now + scenario.latencyMs() })
      const risk = paid + inFlight - received
      if (risk > maxAhead) maxAhead = risk
    }
  }
  return {
    stallShare: stalledMs / (durationMs - flowingSince),
    paymentsPerSecond: payments.length / (durationMs / 1000),
    payments,
    maxAhead,
    maxUnpaid,
    spent: paid + inFlight,
  }
}
