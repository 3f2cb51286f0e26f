import { type Msat, msat } from '../../money/msat.ts'

/** Parts of what a route earns, by recipient, as whole weights: `{ platform: 10n, creator: 90n }`. */
export type Weights = ReadonlyMap<string, bigint>
/** What each recipient was given so far, in msat. */
export type Given = ReadonlyMap<string, Msat>

/**
 * Gives what was earned since `given` to its recipients, to the msat: the sums are `earned` exactly, after every call, and no recipient's
 * ever falls, since it may have been paid. Each msat that does not divide goes to the one that is furthest behind its part (the
 * largest remainder, on the running total), and to the first of those that are as far behind.
 * @param earned the running total; never less than what was given already
 * @throws RangeError if it is less, or no weight is positive
 * @example divide(new Map([['a', 1n], ['b', 2n]]), new Map(), msat(100n)) // a 33, b 67
 */
export function divide(weights: Weights, given: Given, earned: Msat): Map<string, Msat> {
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0n)
  const before = [...given.values()].reduce((total, amount) => total + amount, 0n)
  if (sum <= 0n || [...weights.values()].some((weight) => weight < 0n)) throw new RangeError('a split needs weights')
  if (earned < before) throw new RangeError('what was given cannot be taken back')
  // In parts of an msat, so that nothing is rounded: how far each is behind.
  const behind = [...weights].map(([name, weight]) => ({
    name,
    parts: earned * weight - (given.get(name) ?? 0n) * sum,
  }))
  const gains = new Map(behind.map(({ name, parts }) => [name, parts > 0n ? parts / sum : 0n]))
  let left = earned - before - [...gains.values()].reduce((total, gain) => total + gain, 0n)
  const remainder = ({ name, parts }: (typeof behind)[number]) => parts - (gains.get(name) ?? 0n) * sum
  for (; left > 0n; left--) give(gains, largest(behind, remainder).name, 1n)
  // Somebody is ahead by a fraction that nobody else can do without: the one that can best waits for its next msat.
  for (; left < 0n; left++) {
    const some = behind.filter(({ name }) => (gains.get(name) ?? 0n) > 0n)
    give(gains, largest(some, (one) => -remainder(one)).name, -1n)
  }
  const after = new Map(given)
  for (const [name, gain] of gains) after.set(name, msat((given.get(name) ?? 0n) + gain))
  return after
}

function give(gains: Map<string, bigint>, name: string, amount: bigint): void {
  gains.set(name, (gains.get(name) ?? 0n) + amount)
}

const largest = <T>(list: readonly T[], by: (one: T) => bigint): T =>
  list.reduce((best, one) => (by(one) > by(best) ? one : best))
