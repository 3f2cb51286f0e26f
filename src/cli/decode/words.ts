import { formatMsat } from '../../money/msat.ts'
import { NETWORKS } from '../../nodectl/networks/networks.ts'
import type { InvoiceDetails, RouteHop } from '../../wire/invoiceDetails.ts'
import { escaped } from '../output/escaped.ts'
import { agoOrAhead } from '../output/span.ts'

/** An invoice in plain words, a line for each thing that it says. */
export function inWords(invoice: InvoiceDetails, nowMs: number): string[] {
  const { network, amount, description, descriptionHash, payee, paymentHash, createdAtMs, expiresAtMs } = invoice
  const rows: (readonly [string, string])[] = [
    ['network', NETWORKS[network].real ? `${network}: real money` : `${network}: its coins are worth nothing`],
    ['amount', amount === undefined ? 'left to the payer' : formatMsat(amount)],
    ['for', descriptionHash === undefined ? `"${escaped(description)}"` : `a text with the hash ${descriptionHash}`],
    ['payee', payee],
    ['made', `${dateOf(createdAtMs)}, ${agoOrAhead(createdAtMs, nowMs)}`],
    [expiresAtMs <= nowMs ? 'expired' : 'expires', `${dateOf(expiresAtMs)}, ${agoOrAhead(expiresAtMs, nowMs)}`],
    ['hash', paymentHash],
    ...invoice.routeHints.map((hops) => ['by way of', hops.map(hopInWords).join(', then ')] as const),
    ...invoice.fallbacks.map(({ version, program }) => ['or on chain', `version ${version}, ${program}`] as const),
    ...(invoice.metadata === undefined ? [] : [['with', `${invoice.metadata.length / 2} bytes of metadata`] as const]),
    [
      'features',
      invoice.features
        .map(({ name, bit, required }) => `${name === 'unknown' ? bit : name}${required ? ' (required)' : ''}`)
        .join(', ') || 'none',
    ],
  ]
  return rows.map(([name, text]) => `${name.padEnd(12)} ${text}`)
}

const hopInWords = ({ publicKey, channel, baseFeeMsat, feePerMillion }: RouteHop): string =>
  `${publicKey} over channel ${channel} (${formatMsat(baseFeeMsat)} + ${feePerMillion} ppm)`

const dateOf = (ms: number): string => new Date(ms).toISOString()
