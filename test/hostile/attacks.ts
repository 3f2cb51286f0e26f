import type { Attack } from './attack.ts'
import { manyForCredit, rampedCredit } from './buyer/credit.ts'
import { flood402, floodCloses, floodFromMany, floodFromOne, floodInvoices } from './buyer/floods.ts'
import { credentialFuzz } from './buyer/fuzz.ts'
import { sharedSecret, underpaying } from './buyer/gate.ts'
import { floodWaiting, floodWatchers } from './buyer/holding.ts'
import { biddingLoop, dearerScope, forgedOffer, lateMoney } from './buyer/offers.ts'
import {
  replayAccept,
  replayClosed,
  replayCredential,
  replayInvoice,
  replayPreimage,
  stolenId,
} from './buyer/replay.ts'
import {
  returnAtOnce,
  returnDust,
  returnHeld,
  returnMalformed,
  returnMore,
  returnTwice,
  returnUnpayable,
} from './buyer/returns.ts'
import { slowHeaders, slowReads } from './buyer/slow.ts'
import { deafControl, falseReturn, keepsBalance, lyingClose } from './seller/closing.ts'
import { getErrorFlood, getOvercounted } from './seller/command.ts'
import {
  countAfterEnd,
  idleSeconds,
  overcountBytes,
  overcountJson,
  overcountOwnUnit,
  overcountSeconds,
  overcountUsage,
  steadyUsage,
  unitTrap,
} from './seller/counts.ts'
import { endlessHeaders, hugeAnswers, statementFlood } from './seller/floods.ts'
import { badInvoices, badLaterInvoices, sameInvoice } from './seller/invoices.ts'
import { emptyEvents, endlessEvent, hangUps, junk, neverAnswers, stallAfterPayment } from './seller/stalls.ts'
import { dearerLater, endlessHaggling, endlessRounds, hugeDue, otherTerms } from './seller/terms.ts'
import { falseLength, redirected, swelling } from './seller/transport.ts'

/** Every attack, hostile buyers first. */
export const ATTACKS: readonly Attack[] = [
  flood402,
  floodFromOne,
  floodFromMany,
  floodWaiting,
  floodWatchers,
  slowReads,
  slowHeaders,
  floodInvoices,
  floodCloses,
  manyForCredit,
  rampedCredit,
  underpaying,
  sharedSecret,
  replayAccept,
  replayCredential,
  replayInvoice,
  replayPreimage,
  replayClosed,
  stolenId,
  returnMore,
  returnTwice,
  returnAtOnce,
  returnHeld,
  returnMalformed,
  returnUnpayable,
  returnDust,
  forgedOffer,
  biddingLoop,
  dearerScope,
  lateMoney,
  credentialFuzz,
  emptyEvents,
  endlessEvent,
  hugeAnswers,
  statementFlood,
  endlessHeaders,
  deafControl,
  getOvercounted,
  getErrorFlood,
  overcountBytes,
  countAfterEnd,
  overcountUsage,
  steadyUsage,
  overcountJson,
  overcountSeconds,
  idleSeconds,
  overcountOwnUnit,
  unitTrap,
  stallAfterPayment,
  neverAnswers,
  hangUps,
  junk,
  otherTerms,
  dearerLater,
  endlessRounds,
  endlessHaggling,
  hugeDue,
  badInvoices,
  badLaterInvoices,
  sameInvoice,
  lyingClose,
  keepsBalance,
  falseReturn,
  swelling,
  redirected,
  falseLength,
]
