import { redact } from '../../errors/redact.ts'
import type { GatewayConfig, RouteConfig } from '../../gateway/config/schema.ts'
import { routeNames } from '../../gateway/names.ts'
import type { PayoutEvent } from '../../gateway/split/payouts.ts'
import { formatMsat } from '../../money/msat.ts'
import { dim, green, yellow } from '../output/colour.ts'
import type { Output } from '../output/output.ts'

/** Who earns by a route, where it is not the gateway's own node alone; for events. */
export function earnersOf({ split, payee }: RouteConfig) {
  return {
    ...(payee && { payee: redact(payee.node) }),
    ...(split && { split: Object.fromEntries(Object.entries(split).map(([name, share]) => [name, percent(share)])) }),
  }
}

/** A line for each route that somebody else earns by, and what looks like a mistake. */
export function earnerLines({ routes, recipients = {} }: GatewayConfig): string[] {
  const names = routeNames(routes)
  const lines = routes.flatMap(({ split, payee }, index) => {
    const name = names[index]!
    const paid = payee ? [`  payee    ${name} is paid to ${redact(payee.node)}`] : []
    const parts = Object.entries(split ?? {}).map(([who, share]) => {
      const node = recipients[who]?.node
      return `${who} ${percent(share)} ${dim(node === undefined ? 'kept here' : `to ${redact(node)}`)}`
    })
    return parts.length > 0 ? [...paid, `  split    ${name}: ${parts.join(' · ')}`] : paid
  })
  const used = new Set(routes.flatMap(({ split }) => Object.keys(split ?? {})))
  const idle = Object.keys(recipients).filter((name) => !used.has(name))
  if (idle.length === 0) return lines
  return [...lines, `  split    ${idle.join(', ')}: in no route's split; what they are owed already is still paid`]
}

const percent = (share: number): string => `${share / 1000}%`

/** Tells what became of a payout. */
export function tellPayout({ type, payout }: PayoutEvent, output: Output): void {
  const { recipient, amount, fee, paymentHash, attempts, failure } = payout
  const isSettled = type === 'payout-settled'
  const reason = isSettled ? {} : { reason: failure || 'expired' }
  output.event(type, { recipient, amount: `${amount}`, fee: `${fee}`, paymentHash, attempts, ...reason })
  const what = `${formatMsat(amount)} to ${recipient}`
  if (isSettled) output.say(`  ${green('paid out')} ${what}`)
  else if (type === 'payout-delayed') output.say(`  ${yellow('payout')}   ${what} waits: ${failure}`)
  else output.say(`  ${yellow('payout')}   ${what} could not be paid (${failure || 'expired'}), and is owed again`)
}
