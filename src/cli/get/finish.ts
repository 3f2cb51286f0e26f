import type { Buyer } from '../../buyer/buyer.ts'
import type { SellerNews } from '../../buyer/offers/sellers.ts'
import type { PrepaidSummary } from '../../buyer/schemes/held.ts'
import type { Refund } from '../../buyer/schemes/session.ts'
import type { Closing } from '../../buyer/trade/closing.ts'
import type { TradeSummary } from '../../buyer/trade/summary.ts'
import type { StreamError } from '../../errors/error.ts'
import { LIMIT_OF, type LimitUse } from '../../ledger/limits.ts'
import { formatMsat } from '../../money/msat.ts'
import { encodeStatement } from '../../wire/statement.ts'
import { dim, green, yellow } from '../output/colour.ts'
import { formatUnits, plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { type EndRecord, endRecordOf, prepaidRecord } from '../output/record.ts'
import { reportError } from '../output/reportError.ts'

/** Says how it all ended, and returns the exit code. */
export function finish(
  { trades, prepaid }: Pick<Buyer, 'trades' | 'prepaid'>,
  closings: readonly Closing[],
  failure: unknown,
  output: Output,
): number {
  const reason = failure ?? closings.find(({ dispute }) => dispute)?.dispute
  const code = reason === undefined ? 0 : reportError(reason, output)
  for (const one of prepaid) tellOfPrepaid(one, output)
  for (const { agreement, receiptFault } of [...prepaid, ...trades])
    if (receiptFault) tellOfReceipt(agreement, receiptFault, output)
  const ahead = prepaid.reduce((sum, { paid }) => sum + paid, 0n)
  if (trades.length === 0) output.event('end', { ok: code === 0, paid: `${ahead}` })
  for (const trade of trades) {
    const closing = closings.find(({ statement }) => statement.agreement === trade.agreement)
    const record = endRecordOf(trade, closing)
    output.event('end', {
      ok: code === 0,
      ...record,
      open: closing === undefined,
      agreement: trade.agreement,
      ...(closing && { return: closing.returned, statement: encodeStatement(closing.statement) }),
    })
    sayEnd(trade, record, closing, code === 0, output)
  }
  return code
}

/** What was paid for before it came. */
function tellOfPrepaid(one: PrepaidSummary, output: Output): void {
  const { scheme, paid, fees, uses, state, refund } = one
  output.event('prepaid', { ...prepaidRecord(one) })
  const routing = fees > 0n ? `, ${formatMsat(fees)} of fees` : ''
  output.say(`${green('paid ')} ${formatMsat(paid)} by ${scheme}${routing} · ${plural(uses, 'request')}`)
  if (refund) output.say(dim(`      ${REFUND[refund.status](formatMsat(refund.amount))}`))
  if (state === 'open') output.say(dim('      it may be good for more: the next purchase there uses it'))
}

/** What the seller confirmed is not what was paid. What came is there all the same, so that it is no failure. */
function tellOfReceipt(agreement: string, { code, message, hint }: StreamError, output: Output): void {
  output.event('warning', { code, agreement, message, hint })
  output.say(`${yellow('warning')} ${message}`)
}

export const REFUND: Readonly<Record<Refund['status'], (amount: string) => string>> = {
  settled: (amount) => `${amount} came back`,
  pending: (amount) => `${amount} have not come back yet`,
  failed: (amount) => `${amount} could not be paid back, says the seller, and stay with it`,
  nothing: () => 'nothing was left of it',
}

/** Four fifths of a limit are used: said once, while there is still time to raise it. @param caller whose they are, where there are several */
export function warnOf({ limit, max, spent }: LimitUse, output: Output, caller?: string): void {
  const message = `${formatMsat(spent)} of the limit of ${formatMsat(max)} ${LIMIT_OF[limit]} are used`
  const whose = caller === undefined ? {} : { caller }
  output.event('warning', { code: 'limit-near', limit, max: `${max}`, spent: `${spent}`, message, ...whose })
  output.say(`${yellow('warning')} ${message}${caller === undefined ? '' : `  ${dim(caller)}`}`)
}

/** Which of several sellers is bought from, or is not. */
export function tellOfSeller({ type, url, asks, error }: SellerNews, output: Output): void {
  output.event('seller', {
    type,
    url,
    ...(asks !== undefined && { asks }),
    ...(error && { code: error.code, message: error.message }),
  })
  if (type === 'chosen') output.say(dim(`      from ${url}${asks === undefined ? '' : `, which asks ${asks}`}`))
  if (type === 'out') output.say(`${yellow('not from')} ${url}: ${error?.message}`)
}

function sayEnd(
  trade: TradeSummary,
  record: EndRecord,
  closing: Closing | undefined,
  ok: boolean,
  output: Output,
): void {
  const { delivered, returned, balance } = amountsOf(record)
  const took = `${(trade.durationMs / 1000).toFixed(1)} s`
  const steps = closing && !closing.dispute ? closing.statement.steps : trade.steps
  const units = formatUnits(steps, trade.unit)
  const fees = trade.fees > 0n ? `, ${formatMsat(trade.fees)} of fees` : ''
  output.say(
    `${ok ? green('done ') : yellow('ended')} ${units} for ${formatMsat(delivered)} in ${took} · ${plural(trade.payments, 'payment')}${fees}`,
  )
  const back = returned > 0n ? ` · ${formatMsat(returned)} came back` : ''
  output.say(dim(`      paid ahead at most ${formatMsat(trade.maxAhead)} of ${formatMsat(trade.ahead)}${back}`))
  if (closing === undefined) {
    const left = balance > 0n ? ` with ${formatMsat(balance)}` : ''
    output.say(
      `${yellow('open')}  the agreement ${trade.agreement} stays open${left}; the next purchase there takes it up`,
    )
  } else if (balance > 0n) output.say(dim(`      ${leftover(closing, formatMsat(balance))}`))
}

function leftover({ returned }: Closing, balance: string): string {
  if (returned === 'pending') return `${balance} are on their way back`
  if (returned === 'failed') return `${balance} could not be paid back and stay with the seller`
  return `${balance} stay with the seller: too little to send`
}

const amountsOf = ({ delivered, returned, balance }: EndRecord) => ({
  delivered: BigInt(delivered),
  returned: BigInt(returned),
  balance: BigInt(balance),
})
