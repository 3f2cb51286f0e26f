import type { Happening } from '../../gateway/events.ts'
import type { GatewayRoute } from '../../gateway/gateway.ts'
import { routeOfScope } from '../../gateway/names.ts'
import type { ReturnRecord } from '../../ledger/ledger.ts'
import type { NodeInfo } from '../../lightning/node.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Account } from '../../seller/account.ts'
import type { Debts } from '../../seller/seller.ts'
import { isLoopback } from '../../wire/loopback.ts'
import { bold, cyan, dim, green, yellow } from '../output/colour.ts'
import { formatUnits, plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { recordOfAccount } from '../output/record.ts'
import { type RouteRecord, routeLines } from './routes.ts'
import { tellPayout } from './splits.ts'

/** More routes than this would push what is above them off the screen. */
const MAX_LINES = 12

export interface Selling {
  readonly target: string
  readonly url: string
  /** Where a browser finds it. */
  readonly page: string
  readonly price: string
  readonly info: NodeInfo
  readonly secure: boolean
  readonly routes: readonly RouteRecord[]
  /** Who else earns by them. */
  readonly earners: readonly string[]
}

/** What to say of a wallet in the place of what it can receive. */
const RECEIVES: Readonly<Record<string, string>> = {
  embedded: 'a private chain of this machine',
  nwc: 'what it can receive it does not tell',
}

export function announce({ target, url, page, price, info, secure, routes, earners }: Selling, output: Output): void {
  const { kind, network, publicKey, canReceive, abilities } = info
  output.event('selling', {
    target,
    url,
    page,
    price,
    node: kind,
    network,
    payee: publicKey,
    canReceive: `${canReceive}`,
    routes,
  })
  output.say(`  selling  ${bold(target)}    at  ${cyan(url)}    for  ${price}`)
  for (const line of [...(routes.length > 1 ? routeLines(routes) : []), ...earners]) output.say(line)
  output.say(`  browser  ${cyan(page)}`)
  // Embedded nodes open their channels when they are needed.
  const receives = RECEIVES[kind] ?? `can receive ${formatMsat(canReceive)}`
  output.say(`  wallet   ${kind} · ${network} · ${receives}`)
  output.say(dim('  stop     Ctrl-C'))
  if (kind !== 'embedded' && canReceive === 0n) {
    warn('channel-missing', 'nobody can pay this node yet: it needs a channel with liquidity on the other side', output)
  }
  if (!abilities.sign) {
    warn(
      'statement-unsigned',
      'this wallet does not sign: closing statements will be marked unsigned, as offers say',
      output,
    )
  }
  if (!secure && !isLoopback(url)) {
    warn(
      'transport-insecure',
      'plain http off this machine: buyers refuse to pay unless a proxy in front speaks TLS',
      output,
    )
  }
}

function warn(code: string, message: string, output: Output): void {
  output.event('warning', { code, message })
  output.say(`  ${yellow('warning')}  ${message}`)
}

export function tell(event: Happening, accounts: Map<string, Account>, output: Output): void {
  if (event.type === 'error') {
    output.event('trouble', { code: event.error.code, message: event.error.message, hint: event.error.hint })
    output.say(`  ${yellow('trouble')}  ${event.error.message} ${dim(`(${event.error.code})`)}`)
    return
  }
  if (event.type === 'request') return
  if (event.type === 'reloaded') {
    const { routes, ignored } = event
    output.event('reloaded', { routes, ignored })
    const rest = ignored.length > 0 ? `; ${ignored.join(', ')} takes a new start` : ''
    output.say(`  changed  ${plural(routes.length, 'route')} as the configuration says now${rest}`)
    return
  }
  if (event.type === 'reload-failed') {
    const { code, message, hint } = event.error
    output.event('trouble', { code, message, hint })
    output.say(`  ${yellow('trouble')}  the configuration stays as it was: ${message} ${dim(`(${code})`)}`)
    return
  }
  if (event.type === 'owed') return tellDebts(event.debts, output)
  if (event.type === 'stray') {
    const { agreement, paymentHash, amount } = event
    output.event('stray', { agreement, paymentHash, amount: `${amount}` })
    output.say(
      `  ${yellow('stray')}    ${formatMsat(amount)} arrived for an agreement that was forgotten unpaid: ${agreement} ${dim(paymentHash)}`,
    )
    return
  }
  if ('payout' in event) return tellPayout(event, output)
  const { account } = event
  accounts.set(account.agreement.id, account)
  output.event(event.type, {
    agreement: account.agreement.id,
    ...recordOfAccount(account),
    ...('claim' in event && recordOfClaim(event.claim)),
  })
  if (event.type === 'return-delayed' || event.type === 'return-failed') {
    output.say(`  ${yellow('return')}   ${describeClaim(event.claim)}`)
  }
  if (event.type === 'closed') output.say(`  ${green('sold')}     ${sold(account)}`)
}

function sold({ gate, agreement, payments, halted }: Account): string {
  const halts = halted > 0 ? ` · ${plural(halted, 'halt')}` : ''
  const units = formatUnits(gate.deliveredSteps, agreement.price.unit)
  return `${units} for ${formatMsat(gate.delivered)} · ${plural(payments, 'payment')}${halts}`
}

const recordOfClaim = ({ amount, paymentHash, attempts, fee, failure }: ReturnRecord) => ({
  amount: `${amount}`,
  paymentHash,
  attempts,
  fee: `${fee}`,
  ...(failure !== undefined && { reason: failure }),
})

function describeClaim({ status, amount, failure, attempts, agreementId }: ReturnRecord): string {
  const what = `${formatMsat(amount)} of agreement ${agreementId}`
  if (status === 'failed')
    return `${what} cannot be paid to its invoice (${failure ?? 'expired'}): the buyer can ask with another`
  return `${what} waits: ${failure}${attempts > 0 ? `, after ${plural(attempts, 'attempt')}` : ''}`
}

function tellDebts(debts: Debts, output: Output): void {
  const { amount, agreements, claims } = debts
  output.event('owed', { amount: `${amount}`, agreements, claims: claims.length })
  output.say(`  owed     ${describeDebts(debts)}`)
}

function describeDebts({ amount, agreements, claims }: Debts): string {
  const waiting = claims.filter(({ failure }) => failure !== undefined)
  const reasons = [...new Set(waiting.map(({ failure }) => failure))].join(', ')
  const returns = `; ${plural(waiting.length, 'return')} ${waiting.length === 1 ? 'waits' : 'wait'}: ${reasons}`
  return `${formatMsat(amount)} on ${plural(agreements, 'agreement')}${waiting.length > 0 ? returns : ''}`
}

/** One line for each route that sold something, where there are several. */
function perRoute(accounts: readonly Account[], routes: readonly GatewayRoute[]): string[] {
  if (routes.length < 2) return []
  return routes.slice(0, MAX_LINES).flatMap(({ name }) => {
    const own = accounts.filter(({ agreement }) => routeOfScope(agreement.scope) === name)
    if (own.length === 0) return []
    const active = own.filter((account) => account.activeDeliveries > 0).length
    const sold = own.reduce((sum, { gate }) => sum + gate.delivered, 0n)
    return [
      `  ${name.padEnd(7)}  ${plural(active, 'stream')} · ${formatMsat(sold)} sold on ${plural(own.length, 'agreement')}`,
    ]
  })
}

export function panelLines(
  accounts: ReadonlyMap<string, Account>,
  debts: Debts,
  routes: readonly GatewayRoute[] = [],
): string[] {
  const all = [...accounts.values()]
  const active = all.filter((account) => account.activeDeliveries > 0)
  const paid = all.reduce((sum, { gate }) => sum + gate.paid, 0n)
  const returned = all.reduce((sum, { returned: back }) => sum + back, 0n)
  const unpaid = active.reduce(
    (sum, { gate }) => sum + (gate.delivered > gate.paid ? gate.delivered - gate.paid : 0n),
    0n,
  )
  const paused = active.filter(({ gate }) => gate.shut).length
  return [
    `  now      ${plural(active.length, 'stream')}${paused > 0 ? `, ${paused} paused` : ''} · ${formatMsat(unpaid)} unpaid`,
    `  so far   ${formatMsat(paid - returned)} kept of ${formatMsat(paid)} paid · ${plural(all.length, 'agreement')}`,
    ...perRoute(all, routes),
    ...(debts.agreements > 0 ? [`  owed     ${describeDebts(debts)}`] : []),
  ]
}
