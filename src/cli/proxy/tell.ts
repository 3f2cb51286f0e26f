import type { Recovery } from '../../buyer/journal/recover.ts'
import { type StreamError, toStreamError } from '../../errors/error.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import type { CallersPrepaid, CallersTrade, PurseEvent } from '../../proxy/purses.ts'
import type { RequestEvent } from '../../proxy/requests.ts'
import { encodeStatement } from '../../wire/statement.ts'
import { REFUND, warnOf } from '../get/finish.ts'
import { bold, cyan, dim, green, red, yellow } from '../output/colour.ts'
import { barOf, formatUnits, plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { endRecordOf, faultRecord, prepaidRecord, recordOf } from '../output/record.ts'

export type ProxyEvent = RequestEvent | PurseEvent | { readonly type: 'failure'; readonly error: unknown }

interface Listening {
  readonly url: string
  readonly to: URL | undefined
  readonly network: string
  readonly dryRun: boolean
  /** Whether the state file leads here. */
  readonly found: boolean
  readonly max: Msat
}

export function announce({ url, to, network, dryRun, found, max }: Listening, output: Output): void {
  output.event('listening', { url, network, dryRun, found, pid: process.pid, ...(to && { to: to.href }) })
  const spends = dryRun ? 'pays nothing (--dry-run)' : `spends up to ${formatMsat(max)} for each caller`
  output.say(`${green('paying')} at ${bold(url)}  ${dim(`${network} · ${spends}`)}`)
  if (to) output.say(dim(`      ${url}/… is ${to.href.replace(/\/$/, '')}/…`))
  output.say(dim(`      HTTP_PROXY=${url}   or   ${url}/pay/https://HOST/PATH`))
  if (!found) output.say(yellow('      another proxy runs: programs that look for one find that'))
}

/** As wide as a bar with its word. */
const AT_REST = 'at rest'.padEnd(22)

const MOST_LINES = 10

/** The agreements that are in use, one line each, the busy ones first; then what was prepaid and is good for more. */
export function liveLines(trades: readonly CallersTrade[], prepaid: readonly CallersPrepaid[] = []): string[] {
  const byUse = trades
    .filter(({ trade }) => trade.state !== 'closed')
    .toSorted((a, b) => b.trade.active - a.trade.active)
    .map(({ caller, trade }) => {
      const state = trade.active > 0 ? barOf(trade) : dim(AT_REST)
      const paid = cyan(formatMsat(trade.paid))
      return `${state} ${formatUnits(trade.steps, trade.unit).padStart(11)} · ${paid} · ${new URL(trade.url).host} ${dim(caller)}`
    })
  const first = prepaid
    .filter((one) => one.prepaid.state === 'open')
    .toSorted((a, b) => b.prepaid.active - a.prepaid.active)
    .map(({ caller, prepaid: { scheme, active, uses, paid, url } }) => {
      const state = active > 0 ? green(scheme.padEnd(AT_REST.length)) : dim(`${scheme}, at rest`.padEnd(AT_REST.length))
      return `${state} ${plural(uses, 'request').padStart(11)} · ${cyan(formatMsat(paid))} · ${new URL(url).host} ${dim(caller)}`
    })
  return [...byUse, ...first].slice(0, MOST_LINES)
}

export const prepaidOf = ({ caller, prepaid }: CallersPrepaid): Record<string, unknown> => ({
  caller,
  active: prepaid.active,
  ...prepaidRecord(prepaid),
})

export const progressOf = ({ caller, trade }: CallersTrade): Record<string, unknown> => ({
  caller,
  agreement: trade.agreement,
  url: trade.url,
  active: trade.active,
  ...recordOf(trade),
})

export function tell(event: ProxyEvent, output: Output): void {
  switch (event.type) {
    case 'request':
      return output.event('request', { ...event.record })
    case 'request-end': {
      const { record } = event
      output.event('request-end', { ...record })
      if (record.error)
        output.say(`${red('failed')} ${record.url}  ${plain(record.error.detail)} ${dim(`(${record.error.code})`)}`)
      return
    }
    case 'limit-near':
      return warnOf(event.use, output, event.caller)
    case 'prepaid':
      output.event('prepaid', { caller: event.caller, ...prepaidRecord(event.prepaid) })
      return sayPrepaid(event, output)
    case 'closed': {
      const { caller, trade, closing } = event
      const record = endRecordOf(trade, closing)
      const { statement, returned, dispute } = closing
      const { receiptFault } = trade
      output.event('closed', {
        caller,
        url: trade.url,
        agreement: trade.agreement,
        ...record,
        return: returned,
        statement: encodeStatement(statement),
        ...(dispute && { dispute: faultRecord(dispute) }),
        ...(receiptFault && { receipt: faultRecord(receiptFault) }),
      })
      const back = trade.returned > 0n ? ` · ${formatMsat(trade.returned)} came back` : ''
      output.say(
        `${dispute ? yellow('closed') : green('closed')} ${new URL(trade.url).host}  ${formatUnits(statement.steps, trade.unit)} for ${formatMsat(statement.delivered)}${back}  ${dim(caller)}`,
      )
      for (const fault of [dispute, receiptFault]) if (fault) sayFault(fault, output)
      return
    }
    default: {
      const { code, message, hint } = toStreamError(event.error)
      const { agreement } = event as { readonly agreement?: string }
      output.event('trouble', { code, message, hint, ...(agreement && { agreement }) })
      output.say(`${yellow('trouble')} ${plain(message)} ${dim(`(${code})`)}`)
    }
  }
}

function sayFault({ code, message }: StreamError, output: Output): void {
  output.say(`       ${plain(message)} ${dim(`(${code})`)}`)
}

/** What was paid for before it came; of a charge that is used up there is no more to say. */
function sayPrepaid({ caller, prepaid }: CallersPrepaid, output: Output): void {
  const { scheme, state, paid, fees, uses, url, refund, receiptFault } = prepaid
  const { host } = new URL(url)
  if (state === 'closed' && receiptFault) sayFault(receiptFault, output)
  if (state === 'open') {
    const routing = fees > 0n ? `, ${formatMsat(fees)} of fees` : ''
    return output.say(`${green('paid  ')} ${host}  ${formatMsat(paid)} by ${scheme}${routing}  ${dim(caller)}`)
  }
  if (scheme === 'charge') return
  const back = refund ? ` · ${REFUND[refund.status](formatMsat(refund.amount))}` : ''
  output.say(
    `${green('closed')} ${host}  ${scheme} of ${formatMsat(paid)}, ${plural(uses, 'request')}${back}  ${dim(caller)}`,
  )
}

/** What a process that was killed had left, and what became of it. */
export function tellRecovery({ payments, agreements }: Recovery, output: Output): void {
  const count = (state: string) => payments.filter(({ now }) => now === state).length
  const closed = agreements.filter(({ now }) => now === 'closed').length
  const failed = agreements.length - closed
  output.event('recovered', {
    settled: count('settled'),
    failed: count('failed'),
    open: count('open') + count('elsewhere'),
    closed,
    left: failed,
  })
  if (payments.length + agreements.length === 0) return
  const left = failed > 0 ? yellow(`, ${plural(failed, 'agreement')} could not be closed`) : ''
  output.say(
    dim(
      `      of an earlier run: ${plural(payments.length, 'payment')} followed, ${plural(closed, 'agreement')} closed${left}`,
    ),
  )
}

/** Without control characters: what another side wrote must not steer the terminal. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
