import { expect, it } from 'vitest'
import { sat, ZERO } from '../../money/msat.ts'
import { embeddedPair } from './testing/pair.ts'

/** More of them shows it for long: `MEMORY_PAYMENTS=20000 npm test -- --only e2e memory`. */
const PAYMENTS = Number(process.env.MEMORY_PAYMENTS ?? 800)
const LIMIT_MIB = 40
/** What a node may grow by between two looks at its memory, five seconds apart: far more than 50 KB for each payment. */
const GROWTH_MIB = 120
const AT_ONCE = 20

it(
  `memory stays bounded over ${PAYMENTS} payments, none of which fails`,
  async () => {
    const sizes: number[] = []
    const log = (line: string) => {
      const [, size] = /^starting anew: (\d+) MiB/.exec(line) ?? []
      if (size !== undefined) sizes.push(Number(size))
    }
    const { seller, buyer, close } = await embeddedPair({ memoryLimitMiB: LIMIT_MIB, log })
    let asked = 0
    const payer = async () => {
      // The memory is looked at every few seconds: a machine that pays all of them before goes on until one starts anew.
      while (asked++ < PAYMENTS || (sizes.length === 0 && asked < 20 * PAYMENTS)) {
        const [invoice] = await seller.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 600 }])
        const outcome = await buyer.pay({ request: invoice!.request, maxFee: ZERO, timeoutMs: 30_000 })
        expect(outcome).toMatchObject({ status: 'settled' })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, payer))
    expect(sizes.length, 'nodes were started anew').toBeGreaterThan(0)
    expect(Math.max(...sizes)).toBeLessThan(LIMIT_MIB + GROWTH_MIB)
    await close()
  },
  60_000 + PAYMENTS * 100,
)
