import { sat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import { NO_CREDIT } from '../credit.ts'
import type { Offer } from '../terms.ts'

/** The first offer of a seller that can be haggled with, at a price. */
export const offerAt = (price: string, rest: Partial<Offer> = {}): Offer => ({
  price: parsePrice(price),
  credit: NO_CREDIT,
  smallestPayment: sat(1),
  network: 'regtest',
  payee: `02${'ab'.repeat(32)}`,
  scope: '/v1',
  negotiable: true,
  round: 0,
  ...rest,
})
