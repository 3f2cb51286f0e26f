import { isLoopback } from '../../buyer/transport.ts'
import type { NodeInfo } from '../../lightning/node.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Account } from '../../seller/account.ts'
import type { SellerEvent } from '../../seller/seller.ts'
import { bold, cyan, dim, green, yellow } from '../output/colour.ts'
import { formatUnits, plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { recordOfAccount } from '../output/record.ts'

export interface Selling {
  readonly target: string
  readonly url: string
  readonly price: string
  readonly info: NodeInfo
  readonly secure: boolean
}

export function announce({ target, url, price, info, secure }: Selling, output: Output): void {
  const { kind, network, publicKey, canReceive } = info
  output.event('selling', { target, url, price, node: kind, network, payee: publicKey, canReceive: `${canReceive}` })
  output.say(`  selling  ${bold(target)}    at  ${cyan(url)}    for  ${price}`)
  // Embedded nodes open their channels when they are needed.
  const receives = kind === 'embedded' ? 'a private chain of this machine' : `can receive ${formatMsat(canReceive)}`
  output.say(`  wallet   ${kind} · ${network} · ${receives}`)
  output.say(dim('  stop     Ctrl-C'))
  if (kind !== 'embedded' && canReceive === 0n) {
    warn('channel-missing', 'nobody can pay this node yet: it needs a channel with liquidity on the other side', output)
  }
  if (!secure && !isLoopback(url)) {
    warn(
      'transport-insecure',
      'plain http off this machine: buyers refuse to pay; give --cert and --key, or put TLS in front',
      output,
    )
  }
}

function warn(code: string, message: string, output: Output): void {
  output.event('warning', { code, message })
  output.say(`  ${yellow('warning')}  ${message}`)
}

export function tell(event: SellerEvent, accounts: Map<string, Account>, output: Output): void {
  if (event.type === 'error') {
    output.event('trouble', { code: event.error.code, message: event.error.message, hint: event.error.hint })
    output.say(`  ${yellow('trouble')}  ${event.error.message} ${dim(`(${event.error.code})`)}`)
    return
  }
  const { account } = event
  accounts.set(account.agreement.id, account)
  output.event(event.type, { agreement: account.agreement.id, ...recordOfAccount(account) })
  if (event.type === 'closed') output.say(`  ${green('sold')}     ${sold(account)}`)
}

function sold({ gate, agreement, payments, halted }: Account): string {
  const halts = halted > 0 ? ` · ${plural(halted, 'halt')}` : ''
  const units = formatUnits(gate.deliveredSteps, agreement.price.unit)
  return `${units} for ${formatMsat(gate.delivered)} · ${plural(payments, 'payment')}${halts}`
}

export function panelLines(accounts: ReadonlyMap<string, Account>): string[] {
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
  ]
}
