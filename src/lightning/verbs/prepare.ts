import { createHash, randomBytes } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { StreamError } from '../../errors/error.ts'
import { formatMsat, type Msat, max, msat, sat, toMsat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import type { DecodedInvoice } from '../../wire/bolt11.ts'
import type { NodeInfo } from '../node.ts'
import { requireSameNetwork } from '../sameNetwork.ts'

/** A payment that was looked over and may be sent. Nothing has moved yet. */
export interface PreparedPayment {
  /** What the node will know it by: to be written down before it is sent. */
  readonly paymentHash: string
  readonly payee: string
  readonly network: Network
  readonly amount: Msat
  /** The most that routing may add. */
  readonly maxFee: Msat
  /** The payee's own words, and empty for a keysend: never to be shown unescaped. */
  readonly description: string
  readonly way: /** `chosen`: the amount, where the invoice leaves it to the payer. */
    | { readonly kind: 'invoice'; readonly request: string; readonly chosen?: Msat }
    | { readonly kind: 'keysend'; readonly preimage: string }
}

export interface PayLimits {
  /** As people write it or in msat: only for an invoice that leaves it to the payer. The invoice's own by default. */
  readonly amount?: string | Msat
  /** The most that routing may add: an amount, or a part such as "1%". Default: 3 %, and never less than 5 sat. */
  readonly maxFee?: string | Msat
}

/** The node that is to pay, as the guard needs it. */
export type Paying = Pick<NodeInfo, 'network' | 'publicKey' | 'account' | 'alias' | 'abilities'>

/**
 * Looks an invoice over before it is paid: its network, its time, its payee, its amount. Pure.
 * @throws StreamError `network-mismatch` (both networks named), `invoice-invalid` (expired, the node's own), `option-invalid` (an amount
 * beside the invoice's own, or none at all), `amount-invalid`, `amount-out-of-range`
 */
export function prepareInvoice(
  invoice: DecodedInvoice,
  node: Paying,
  limits: PayLimits,
  nowMs: number,
): PreparedPayment {
  requireSameNetwork({ what: 'the invoice', network: invoice.network }, ownerOf(node))
  const { request, paymentHash, payee, network, description, expiresAtMs } = invoice
  // Wallets of one service share a node, and pay each other within it.
  if (payee === node.publicKey && node.account === undefined) {
    throw new StreamError('invoice-invalid', "the invoice is this node's own")
  }
  if (expiresAtMs <= nowMs) {
    throw new StreamError('invoice-invalid', `the invoice expired at ${new Date(expiresAtMs).toISOString()}`)
  }
  const chosen = limits.amount === undefined ? undefined : above(toMsat(limits.amount))
  if (invoice.amount !== undefined && chosen !== undefined && chosen !== invoice.amount) {
    const [asked, said] = [formatMsat(invoice.amount), formatMsat(chosen)]
    throw new StreamError('option-invalid', `the invoice asks for ${asked}, and cannot be paid with ${said}`)
  }
  const amount = invoice.amount ?? chosen
  if (amount === undefined) {
    throw new StreamError('option-invalid', 'the invoice leaves the amount to you: say how much with --amount')
  }
  const way = { kind: 'invoice', request, ...(invoice.amount === undefined && { chosen: amount }) } as const
  return { paymentHash, payee, network, amount, maxFee: maxFeeFor(amount, limits.maxFee), description, way }
}

/**
 * Makes a payment without an invoice. Its preimage is random, and known to nobody before it is sent.
 * @throws StreamError `option-invalid` (no public key, or the node's own), `node-unable`, `amount-invalid`, `amount-out-of-range`
 */
export function prepareKeysend(
  publicKey: string,
  amount: string | Msat,
  node: Paying,
  { maxFee }: Pick<PayLimits, 'maxFee'> = {},
): PreparedPayment {
  const payee = readPublicKey(publicKey)
  if (!node.abilities.keysend) throw new StreamError('node-unable', 'this node cannot send without an invoice')
  if (payee === node.publicKey) throw new StreamError('option-invalid', 'that is the public key of the paying node')
  const sum = above(toMsat(amount))
  const preimage = randomBytes(32)
  return {
    paymentHash: createHash('sha256').update(preimage).digest('hex'),
    payee,
    network: node.network,
    amount: sum,
    maxFee: maxFeeFor(sum, maxFee),
    description: '',
    way: { kind: 'keysend', preimage: preimage.toString('hex') },
  }
}

const ownerOf = ({ alias, network }: Paying) => ({ what: alias ? `node ${printable(alias)}` : 'this node', network })

/** An alias is chosen by whoever runs the node, who need not be who reads this. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 32)

function above(amount: Msat): Msat {
  if (amount === 0n) throw new StreamError('amount-out-of-range', 'a payment is of at least 1 msat')
  return amount
}

/**
 * A node's public key, also where it stands before an address: `02…@host:port`.
 * @throws StreamError `option-invalid`
 */
export function readPublicKey(text: string): string {
  const [key = ''] = text.trim().toLowerCase().split('@', 1)
  const isKey = /^0[23][0-9a-f]{64}$/.test(key) && secp256k1.utils.isValidPublicKey(Buffer.from(key, 'hex'), true)
  if (!isKey)
    throw new StreamError('option-invalid', `"${text.slice(0, 80)}" is not the public key of a node: 66 hex digits`)
  return key
}

/** Per thousand, so that a part of a per cent can be said. */
const DEFAULT_FEE_PER_MILLE = 30n
/** Small payments go a long way only if a base fee fits: LND's own is 1 sat a hop. */
const LEAST_DEFAULT_FEE = sat(5)

/**
 * The most that routing may add to an amount.
 * @param text an amount such as "10 sat", or a part such as "1%" or "0.5 %"
 * @throws StreamError `option-invalid`, `amount-out-of-range`
 */
export function maxFeeFor(amount: Msat, text?: string | Msat): Msat {
  if (typeof text === 'bigint') return text
  if (text === undefined) return max(msat((amount * DEFAULT_FEE_PER_MILLE) / 1000n), LEAST_DEFAULT_FEE)
  const [, whole, tenth = '0'] = /^(\d{1,3})(?:\.(\d))? ?%$/.exec(text.trim()) ?? []
  if (whole !== undefined) {
    const perMille = BigInt(whole) * 10n + BigInt(tenth)
    if (perMille <= 1000n) return msat((amount * perMille) / 1000n)
  }
  try {
    return toMsat(text)
  } catch {
    throw new StreamError(
      'option-invalid',
      `"${text.slice(0, 40)}" is no fee cap: write "1%", at most 100%, or "10 sat"`,
    )
  }
}
