import type { Recovery } from '../../buyer/journal/recover.ts'
import { toStreamError } from '../../errors/error.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import type { CallersTrade, PurseEvent } from '../../proxy/purses.ts'
import type { RequestEvent } from '../../proxy/requests.ts'
import { encodeStatement } from '../../wire/statement.ts'
import { warnOf } from '../get/finish.ts'
import { bold, cyan, dim, green, red, yellow } from '../output/colour.ts'
import { barOf, formatUnits, plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { endRecordOf, recordOf } from '../output/record.ts'

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

/** The agreements that are in use, one line each, the busy ones first. */
export function liveLines(trades: readonly CallersTrade[]): string[] {
  return trades
    .filter(({ trade }) => trade.state !== 'closed')
    .toSorted((a, b) => b.trade.active - a.trade.active)
    .slice(0, 10)
    .map(({ caller, trade }) => {
      const state = trade.active > 0 ? barOf(trade) : dim(AT_REST)
      const paid = cyan(formatMsat(trade.paid))
      return `${state} ${formatUnits(trade.steps, trade.unit).padStart(11)} · ${paid} · ${new URL(trade.url).host} ${dim(caller)}`
    })
}

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
        ...(dispute && { dispute: { code: dispute.code, message: dispute.message } }),
        ...(receiptFault && { receipt: { code: receiptFault.code, message: receiptFault.message } }),
      })
      const back = trade.returned > 0n ? ` · ${formatMsat(trade.returned)} came back` : ''
      output.say(
        `${dispute ? yellow('closed') : green('closed')} ${new URL(trade.url).host}  ${formatUnits(statement.steps, trade.unit)} for ${formatMsat(statement.delivered)}${back}  ${dim(caller)}`,
      )
      if (dispute) output.say(`       ${plain(dispute.message)} ${dim(`(${dispute.code})`)}`)
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
