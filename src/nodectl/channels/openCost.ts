import { bech32 } from '@scure/base'
import { StreamError } from '../../errors/error.ts'
import { formatMsat, type Msat, max, minus, msat, sat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { NETWORKS } from '../networks/networks.ts'

/** Sat of the channel that a person wishes for. */
export interface ChannelWish {
  readonly amount: Msat
  /** Given to the peer with the first state: a gift. */
  readonly push: Msat
  readonly private: boolean
}

/** What the wallet and LND say before anything is done. */
export interface OpenFacts {
  readonly confirmed: Msat
  readonly unconfirmed: Msat
  /** For channels that LND is asking peers for, or was when it went down: it frees them by itself. */
  readonly setAside: Msat
  /** When the last of them is free, ISO 8601. */
  readonly setAsideUntil: string | undefined
  /** What LND would keep back in the wallet once this channel is there (`RequiredReserve`). */
  readonly anchorReserve: Msat
  /** Of the funding transaction, at `satPerVbyte`. */
  readonly fundingFee: Msat
  readonly satPerVbyte: number
  /** Both nodes, as far as it is known, take channels above 16,777,215 sat (BOLT 9, bits 18/19). */
  readonly large: boolean
}

/** What a channel costs, and what can be done with it. */
export interface OpenCost extends ChannelWish {
  readonly fundingFee: Msat
  readonly satPerVbyte: number
  /** Part of the balance that cannot be spent while the channel is open; it comes back with the close. */
  readonly channelReserve: Msat
  /** Set aside in the channel for the transaction that closes it. */
  readonly closeReserve: Msat
  /** Stays in the wallet. */
  readonly anchorReserve: Msat
  readonly canSend: Msat
  readonly canReceive: Msat
  /** Leaves the wallet: the amount and the fee. */
  readonly total: Msat
}

/** LND's own least (`MinChanFundingSize`), and the most without large channels (`MaxBtcFundingAmount`, BOLT 2). */
export const MIN_CHANNEL = sat(20_000)
export const MAX_CHANNEL = sat(16_777_215)
/** Of a commitment with anchors and one HTLC (BOLT 3, weights 1124 and 172), in vbytes; and its two anchors. */
const COMMIT_VBYTES = 324
const ANCHORS = sat(660)
/** LND's limit for the fee of a commitment with anchors (`max-commit-fee-rate-anchors`). */
const MAX_COMMIT_SAT_PER_VBYTE = 10
/** A reserve is a hundredth of the channel, and not below the dust limit (BOLT 2). */
const MIN_RESERVE = sat(354)

/**
 * Whole sat within the limits of every channel. Asked for before a node is.
 * @throws StreamError `channel-size`, `amount-invalid`
 */
export function checkWish({ amount, push }: ChannelWish): void {
  for (const part of [amount, push]) {
    if (part % 1000n !== 0n) throw new StreamError('amount-invalid', `a channel has whole sat, not ${formatMsat(part)}`)
  }
  if (amount < MIN_CHANNEL) {
    throw new StreamError('channel-size', `a channel has ${formatMsat(MIN_CHANNEL)} or more, not ${formatMsat(amount)}`)
  }
  if (push >= minus(amount, reserveOf(amount))) {
    throw new StreamError(
      'channel-size',
      `--push must leave a hundredth of the channel, ${formatMsat(reserveOf(amount))}, and its fee on this side`,
    )
  }
}

const reserveOf = (amount: Msat): Msat => max(msat((amount / 100_000n) * 1000n), MIN_RESERVE)

/**
 * What it costs to open a channel, at the current estimate of the fee.
 * @throws StreamError `channel-size`, `funds-insufficient`
 */
export function costOf(wish: ChannelWish, facts: OpenFacts): OpenCost {
  const { amount, push } = wish
  const { fundingFee, satPerVbyte, anchorReserve } = facts
  if (amount > MAX_CHANNEL && !facts.large) {
    const message = `a channel has ${formatMsat(MAX_CHANNEL)} or less, unless both nodes take large ones (protocol.wumbo-channels)`
    throw new StreamError('channel-size', message)
  }
  const channelReserve = reserveOf(amount)
  const rate = Math.min(satPerVbyte, MAX_COMMIT_SAT_PER_VBYTE)
  const closeReserve = msat(sat(Math.ceil(COMMIT_VBYTES * rate)) + ANCHORS)
  const total = msat(amount + fundingFee)
  requireFunds(msat(total + anchorReserve), facts, anchorReserve)
  return {
    ...wish,
    fundingFee,
    satPerVbyte,
    channelReserve,
    closeReserve,
    anchorReserve,
    canSend: minus(amount - push, channelReserve + closeReserve),
    canReceive: minus(push, channelReserve),
    total,
  }
}

function requireFunds(needed: Msat, facts: OpenFacts, reserve: Msat): void {
  const { confirmed, unconfirmed, setAside, setAsideUntil } = facts
  if (confirmed >= needed) return
  const coming = unconfirmed > 0n ? `; ${formatMsat(unconfirmed)} more wait for a block` : ''
  const kept =
    setAside > 0n && setAsideUntil !== undefined
      ? `; ${formatMsat(setAside)} more are set aside for a channel that was asked for, until ${setAsideUntil.slice(11, 16)} UTC`
      : ''
  throw new StreamError(
    'funds-insufficient',
    `this takes ${formatMsat(needed)} (the channel, the fee, and ${formatMsat(reserve)} that LND keeps to close channels safely), ` +
      `and the wallet has ${formatMsat(confirmed)}${coming}${kept}`,
    { needed: `${needed}`, left: `${confirmed}` },
  )
}

/** A place to pay to in an estimate: as long as a channel's funding output, and nobody's. */
export function sampleAddress(network: Network): string {
  return bech32.encode(NETWORKS[network].hrp, [0, ...bech32.toWords(new Uint8Array(32))])
}
