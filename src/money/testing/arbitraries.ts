import fc from 'fast-check'
import { StreamError } from '../../errors/error.ts'
import { MAX_MSAT, type Msat } from '../msat.ts'
import { MAX_PER, type Price, price, type Unit } from '../price.ts'

/** Amounts of every size: uniform bigints alone would hardly ever be small. */
export const anyMsat: fc.Arbitrary<Msat> = fc
  .oneof(fc.bigInt(0n, 5000n), fc.bigInt(0n, 10n ** 9n), fc.bigInt(0n, MAX_MSAT), fc.constant(MAX_MSAT))
  .map((value) => value as Msat)

const isFree = (name: string): boolean => {
  try {
    return price(1n, 1n, name).unit === name
  } catch {
    return false
  }
}
const ownName = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/).filter(isFree)
export const anyUnit: fc.Arbitrary<Unit> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('byte', 'second', 'token', 'request') },
  { weight: 1, arbitrary: ownName },
)

const anyPer = fc.oneof(
  fc.constantFrom(1n, 1000n, 1024n, 10n ** 6n, 2n ** 20n, 2n ** 30n, 60_000n, 3_600_000n, MAX_PER),
  fc.bigInt(1n, 5000n),
  fc.bigInt(1n, MAX_PER),
)

export const anyPrice = (unit: fc.Arbitrary<Unit> = anyUnit): fc.Arbitrary<Price> =>
  fc.record({ msat: anyMsat, per: anyPer, unit })

/** Prices people meet: up to 100 sat for up to a million steps, so that a random pair is often close. */
export const everydayPrice = (unit: Unit): fc.Arbitrary<Price> =>
  fc.record({ msat: fc.bigInt(0n, 100_000n), per: fc.bigInt(1n, 1_000_000n), unit: fc.constant(unit) })

/** The code of the StreamError that `action` throws, `undefined` if it returns; anything else thrown passes through. */
export const codeThrownBy = (action: () => unknown): string | undefined => thrownBy(action)?.code

/** What the StreamError says that `action` throws; empty if it returns. */
export const messageThrownBy = (action: () => unknown): string => thrownBy(action)?.message ?? ''

function thrownBy(action: () => unknown): StreamError | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof StreamError) return error
    throw error
  }
}
