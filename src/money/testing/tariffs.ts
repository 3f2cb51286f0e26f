import fc from 'fast-check'
import { msat } from '../msat.ts'
import type { Price, Unit } from '../price.ts'
import type { Tariff } from '../tariff.ts'

const charge = (...units: Unit[]): fc.Arbitrary<Price> =>
  fc.record({
    msat: fc.bigInt(0n, 5000n),
    per: fc.oneof(fc.constant(1n), fc.constant(1000n), fc.bigInt(1n, 5000n)),
    unit: fc.constantFrom(...units),
  })
const amount = fc.bigInt(0n, 10_000n).map(msat)

/** Tariffs that charge for something, of answers counted in one of these units. */
export const tariffs = (...units: Unit[]): fc.Arbitrary<Tariff> =>
  fc
    .record(
      {
        request: amount,
        upload: charge('byte'),
        input: charge('token'),
        output: charge(...units),
        minimum: amount,
        extra: amount,
      },
      { requiredKeys: [] },
    )
    .filter((tariff) => Object.values(tariff).some((value) => (typeof value === 'bigint' ? value : value.msat) > 0n))
