import fc from 'fast-check'
import { msat } from '../../money/msat.ts'
import { costDown, type Price, price } from '../../money/price.ts'
import { anyMsat, anyPrice } from '../../money/testing/arbitraries.ts'
import { anyCredit, anyNetwork, anyTimeMs, hex } from '../../terms/testing/arbitraries.ts'
import type { Challenge } from '../challenge.ts'
import type { Bid, Payload } from '../payload.ts'
import { balanceOf, type Statement } from '../statement.ts'

const proof = { agreement: hex(32), secret: hex(64) }
const amounts = (minLength: number) =>
  fc.array(
    anyMsat.filter((amount) => amount > 0n),
    { minLength, maxLength: 16 },
  )

const anyBid: fc.Arbitrary<Bid> = fc
  .tuple(anyPrice(), fc.record({ credit: anyCredit, smallestPayment: anyMsat }, { requiredKeys: [] }))
  .map(([{ msat: amount, per }, rest]) => ({ amount: msat(amount), per, ...rest }))

export const anyPayload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record(
    { action: fc.constant('accept' as const), nonce: hex(32), invoices: amounts(0), bid: anyBid },
    { requiredKeys: ['action', 'nonce', 'invoices'] },
  ),
  fc.record({ action: fc.constantFrom('use' as const, 'watch' as const, 'close' as const), ...proof }),
  fc.record(
    { action: fc.constant('invoices' as const), ...proof, amounts: amounts(1), nonce: hex(32) },
    { requiredKeys: ['action', 'agreement', 'secret', 'amounts'] },
  ),
  fc.record({
    action: fc.constant('return' as const),
    ...proof,
    invoice: fc.stringMatching(/^ln[0-9a-z]{1,200}$/),
  }),
)

/** A challenge as any server might send it: not ours, and not valid, but well formed. */
export const anyChallenge: fc.Arbitrary<Challenge> = fc.record(
  {
    id: fc.stringMatching(/^[\w-]{1,60}$/),
    realm: fc.stringMatching(/^[ -~]{1,60}$/),
    method: fc.constantFrom('lightning', 'tempo', 'stripe'),
    intent: fc.constantFrom('stream', 'charge', 'session'),
    request: fc.stringMatching(/^[\w-]{1,200}$/),
    expires: fc.constant('2026-01-02T03:04:05Z'),
    digest: fc.constant('sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'),
    opaque: fc.stringMatching(/^[\w-]{1,60}$/),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a header cannot hold is left out
    description: fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replace(/[\x00-\x1f\x7f]/g, '')),
  },
  { requiredKeys: ['id', 'realm', 'method', 'intent', 'request'] },
)

const smallPrice: fc.Arbitrary<Price> = fc
  .tuple(fc.bigInt(0n, 100_000n), fc.bigInt(1n, 10n ** 6n), fc.constantFrom('byte', 'token', 'second', 'image'))
  .map(([amount, per, unit]) => price(amount, per, unit))

/** A statement that adds up, unsigned. */
export const anyStatement: fc.Arbitrary<Statement> = fc
  .record({
    agreement: hex(32),
    sequence: fc.bigInt(0n, 10n ** 12n),
    price: smallPrice,
    steps: fc.bigInt(0n, 10n ** 9n),
    paid: fc.bigInt(0n, 10n ** 15n),
    share: fc.integer({ min: 0, max: 100 }),
    state: fc.constantFrom('open' as const, 'paused' as const, 'closed' as const),
    due: anyMsat,
    atMs: anyTimeMs,
    payee: fc.constant(`02${'ab'.repeat(32)}`),
    network: anyNetwork,
    further: fc.dictionary(fc.stringMatching(/^x-[a-z]{1,10}$/), fc.string({ maxLength: 20 }), { maxKeys: 3 }),
  })
  .map(({ share, paid, due, further, ...rest }) => {
    const delivered = costDown(rest.price, rest.steps)
    const returned = msat((paid * BigInt(share)) / 100n)
    return {
      ...rest,
      paid: msat(paid),
      delivered,
      returned,
      balance: balanceOf(paid, delivered, returned),
      due: rest.state === 'paused' ? due : msat(0n),
      ...(Object.keys(further).length > 0 && { further }),
    }
  })
