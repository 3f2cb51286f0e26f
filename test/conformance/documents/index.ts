import type { Document } from '../row.ts'
import { charge } from './charge.ts'
import { discovery } from './discovery.ts'
import { gaps } from './gaps.ts'
import { l402 } from './l402.ts'
import { payment } from './payment.ts'
import { session } from './session.ts'

/** Every document whose requirements are held against the tests, in the order of the page. */
export const DOCUMENTS: readonly Document[] = [payment, charge, session, l402, discovery, gaps]
