import { type Msat, max, min, minus, msat, ZERO } from '../money/msat.ts'

/** Everything a payer knows when it decides. Amounts in msat; the rate is consumption in msat a second. */
export interface WindowState {
  /** The most that may be paid or in flight for what was not received: the buyer's invariant. */
  readonly ahead: Msat
  /** What the seller delivers unpaid, as the terms say for what is paid so far. */
  readonly credit: Msat
  readonly paid: Msat
  /** Sent and not settled, payments of unknown outcome included. */
  readonly inFlight: Msat
  /** The part of `inFlight` whose outcome is unknown: it counts, and nothing can be expected of it. */
  readonly unknown: Msat
  /** Cost of what was received, rounded down. */
  readonly received: Msat
  /** Cost of all that can still come on the requests that are open; `undefined` where no end is known. */
  readonly demand: Msat | undefined
  /** Requests came one after the other, as for the parts of a film: more of them are likely. */
  readonly goesOn: boolean
  /** What the seller says is missing before its next step, while it is paused; zero otherwise. */
  readonly due: Msat
  readonly ratePerSecond: bigint
  readonly latencyMs: number
  readonly smallestPayment: Msat
  /** Below this a payment would cost more in routing than the buyer's fee cap allows. */
  readonly feeFloor: Msat
  /** Payments a second that the wallet sustains, this stream's share. */
  readonly paymentsPerSecond: number
  /** What the budget still allows, routing included. */
  readonly budgetLeft: Msat
}

export type Decision =
  | { readonly pay: Msat }
  /** Nothing to pay now: all that can come is paid for. */
  | { readonly wait: 'demand' }
  /** The window is full. `need` is the `ahead` with which the seller's next step could be paid, if that is what it takes. */
  | { readonly wait: 'window'; readonly need?: Msat }
  | { readonly wait: 'budget' }

/** Payments come in a few sizes, each half of the one above, so that invoices asked for ahead of need fit. */
const RUNGS = 6

/**
 * What to pay next, if anything. The larger a payment the fewer there are, and the less is lost on routing; but while one is on its
 * way the rest of the window must carry the stream. So: as large as leaves three payment times of consumption in the window.
 */
export function decide(state: WindowState): Decision {
  const outstanding = state.paid + state.inFlight - state.received
  const room = minus(state.ahead, outstanding)
  const least = isWaitedFor(state) ? max(state.due, leastPayment(state)) : undefined
  if (least !== undefined && least > room) {
    return { wait: 'window', need: msat((outstanding > 0n ? outstanding : 0n) + least) }
  }
  const wanted = max(nextSize(state, outstanding) ?? ZERO, least ?? ZERO)
  if (wanted === 0n) return { wait: 'demand' }
  // What the seller waits for is the least: paying only that would make it wait again for the next step.
  const size = least !== undefined && wanted > room ? least : wanted
  if (size > room) return { wait: 'window' }
  if (size <= state.budgetLeft) return { pay: size }
  return state.budgetLeft >= (least ?? leastPayment(state)) ? { pay: state.budgetLeft } : { wait: 'budget' }
}

/** The seller is paused, and nothing is on its way that could help: what it waits for is known exactly. */
const isWaitedFor = ({ due, inFlight, unknown }: WindowState): boolean => due > 0n && inFlight <= unknown

const leastPayment = ({ smallestPayment, feeFloor }: WindowState): Msat => max(smallestPayment, feeFloor)

function nextSize(state: WindowState, outstanding: bigint): Msat | undefined {
  const size = paymentSize(state)
  if (state.demand === undefined) return size
  const missing = minus(state.demand, outstanding)
  if (missing === 0n) return undefined
  if (missing >= size) return size
  return max(missing, max(leastPayment(state), aheadOfNext(state, outstanding, size)))
}

/**
 * What is paid in the place of only what an open request still needs, where a payment for each would be more than this stream's share of what
 * the wallet sustains: some of the window for the requests that follow. What is left of it at the end comes back.
 */
function aheadOfNext(state: WindowState, outstanding: bigint, size: Msat): Msat {
  const { ahead, smallestPayment, goesOn, demand } = state
  if (!goesOn || leastAtPace(state) <= minus(demand ?? ZERO, outstanding)) return ZERO
  const room = minus(ahead, outstanding)
  return paymentLadder(ahead, smallestPayment).find((rung) => rung <= size && rung <= room) ?? ZERO
}

/** For how many payment times of consumption, in tenths, the rest of the window should last while a payment is on its way. */
const MARGINS = [30n, 13n] as const

/**
 * The size of payment that suits this stream now, one of the ladder's: the largest with which the rest of the window and the
 * credit last for three payment times, or else for just over one. Where no size does, the window bounds the stream; then the
 * whole window is paid at once, because smaller payments would only load the node and make each of them slower.
 */
export function paymentSize(state: WindowState): Msat {
  const { ahead, credit, ratePerSecond, latencyMs, smallestPayment } = state
  const ladder = paymentLadder(ahead, smallestPayment)
  const least = max(max(smallestPayment, state.feeFloor), leastAtPace(state))
  // Nothing is known yet: a quarter of the window, so that three more can follow before the first has settled.
  if (ratePerSecond === 0n)
    return ladder.find((rung) => rung <= ahead / 4n && rung >= least) ?? lowestAbove(ladder, least)
  const oneTime = (ratePerSecond * BigInt(Math.ceil(latencyMs))) / 1000n
  for (const tenths of MARGINS) {
    const most = ahead + credit - max(msat((oneTime * tenths) / 10n), smallestPayment)
    const fitting = ladder.find((rung) => rung <= most && rung >= least)
    if (fitting !== undefined) return fitting
  }
  return ladder[0]!
}

/** With smaller payments it would take more of them than the share of what the wallet sustains; of many streams less than one a second. */
const leastAtPace = ({ ratePerSecond, paymentsPerSecond }: WindowState): Msat =>
  msat((ratePerSecond * 1000n) / BigInt(Math.max(1, Math.floor(paymentsPerSecond * 1000))))

/**
 * The least for which an invoice that is at hand is worth being sent in the place of one of `wanted`: many smaller ones would keep a wallet
 * busy that has many streams to pay for. A seller that waits for it is paid with what there is.
 */
export const leastWorthSending = (state: WindowState, wanted: Msat): Msat =>
  isWaitedFor(state) || state.ratePerSecond === 0n ? ZERO : min(wanted, leastAtPace(state))

const lowestAbove = (ladder: readonly Msat[], least: Msat): Msat =>
  ladder.findLast((rung) => rung >= least) ?? ladder[0]!

/** The window, half of it, a quarter, … in whole sat where that is a sat or more, and never below the smallest payment. */
export function paymentLadder(ahead: Msat, smallest: Msat): readonly Msat[] {
  const ladder: Msat[] = []
  for (let part: bigint = ahead, i = 0; i < RUNGS; part /= 2n, i++) {
    const whole = part >= 1000n ? part - (part % 1000n) : part
    if (whole < smallest || whole === 0n) break
    ladder.push(msat(whole))
  }
  // A window below the smallest payment holds none; the seller's answer will say so.
  return ladder.length > 0 ? ladder : [max(ahead, smallest)]
}

/** The rate, in msat a second, that these windows carry without a stall when a payment takes `latencyMs`. */
export const sustainableRate = (ahead: Msat, credit: Msat, latencyMs: number): bigint =>
  ((ahead + credit) * 1000n) / BigInt(Math.max(1, Math.ceil(latencyMs)))
