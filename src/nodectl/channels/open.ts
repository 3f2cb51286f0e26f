import {
  type GetWalletInfoResult,
  getChainFeeEstimate,
  getChainFeeRate,
  getLockedUtxos,
  getPeers,
  getWalletInfo,
  openChannel as openLndChannel,
} from 'lightning'
import { StreamError } from '../../errors/error.ts'
import { pause } from '../../lightning/pause.ts'
import { formatMsat, type Msat, msat, sat } from '../../money/msat.ts'
import { type Admin, ask } from '../admin.ts'
import { walletOf } from '../funds.ts'
import { connectPeer, findConnection } from '../peers/peers.ts'
import { type PeerName, shortKey } from '../peers/peersText.ts'
import { type WatchOptions, watch } from '../watch.ts'
import { type Channel, type ChannelList, listChannels, type PendingChannel } from './channels.ts'
import { type ChannelWish, checkWish, costOf, type OpenCost, type OpenFacts, sampleAddress } from './openCost.ts'
import { openFailure, openUnknown, stillSyncing } from './openErrors.ts'
import { planOpen } from './openPlan.ts'
import { isAnother, noteOf, type OpenRecord, type OpenRecords } from './openRecord.ts'

export interface OpenOptions extends ChannelWish {
  readonly peer: PeerName
  /** Where it is written that LND was asked. The same folder in every run. */
  readonly records: OpenRecords
  /** A further channel is wanted, though one to this peer is opening or was just opened. */
  readonly another?: boolean
  /** Asked when all is checked and just before LND is; what it throws ends it, and nothing was done. */
  readonly confirm?: (cost: OpenCost) => Promise<void>
  /** Told when it is written down, and LND is asked next. From here on it may be opening. */
  readonly onAsking?: () => void
  /** How long to look for what an earlier run may have begun, in ms (30 s). */
  readonly patienceMs?: number
  readonly signal?: AbortSignal
}

/** `opened`: now. `found`: it is opening, from an earlier run. `done`: it was opened by an earlier run, and is open. */
export interface Opened {
  readonly how: 'opened' | 'found' | 'done'
  readonly outpoint: string
}

const PATIENCE_MS = 30_000
/** A peer that says nothing: LND itself would wait for ten minutes. */
const NEGOTIATION_MS = 60_000
/** After a connection has ended, for LND to write down what it had signed before. */
const SETTLE_MS = 2000
const CONFIRMATION_TARGET = 6
/** One input and change of version 0, one funding output: where no estimate can be had without coins. */
const FUNDING_VBYTES = 153

/**
 * What a channel would cost. Asks LND and nobody else, and changes nothing.
 * @throws StreamError `channel-size`, `amount-invalid`, `funds-insufficient`, `node-…`
 * @example const { fundingFee, canSend } = await estimateOpen(admin, key, { amount: sat(100_000), push: ZERO, private: false })
 */
export async function estimateOpen(admin: Admin, peer: string, wish: ChannelWish): Promise<OpenCost> {
  checkWish(wish)
  return costOf(wish, await factsOf(admin, peer, wish))
}

/** Longer than LND takes for a block that has just come, or to see after a start that none has. */
const IN_STEP_MS = 15_000
const LOOK_MS = 250

/** @throws StreamError `node-failed` (it has more than a few blocks to go) */
async function inStep({ lnd }: Admin): Promise<GetWalletInfoResult> {
  for (const untilMs = Date.now() + IN_STEP_MS; ; ) {
    const info = await ask('asking LND who it is', getWalletInfo({ lnd }))
    if (info.is_synced_to_chain) return info
    if (Date.now() > untilMs) throw stillSyncing()
    await pause(LOOK_MS)
  }
}

async function factsOf(admin: Admin, peer: string, wish: ChannelWish): Promise<OpenFacts> {
  const { lnd } = admin
  const info = await inStep(admin)
  const [wallet, kept, { peers }, anchorReserve, fee] = await Promise.all([
    walletOf(admin),
    setAside(admin),
    ask('listing peers', getPeers({ lnd })),
    requiredReserve(admin, wish.private ? 0 : 1),
    feeOf(admin, wish.amount),
  ])
  const theirs = peers.find(({ public_key }) => public_key === peer)?.features
  return {
    ...wallet,
    ...kept,
    ...fee,
    anchorReserve,
    large: takesLarge(info.features) && (!theirs || takesLarge(theirs)),
  }
}

/** LND leases the coins of a channel that it asks for, for ten minutes and on its disk (`ListLeases`). */
async function setAside({ lnd }: Admin): Promise<Pick<OpenFacts, 'setAside' | 'setAsideUntil'>> {
  const { utxos } = await ask('asking what is set aside', getLockedUtxos({ lnd }))
  const until = utxos.map(({ lock_expires_at }) => lock_expires_at).toSorted()
  return { setAside: msat(utxos.reduce((sum, { tokens }) => sum + sat(tokens ?? 0), 0n)), setAsideUntil: until.at(-1) }
}

/** BOLT 9: an even bit demands, the odd one above it allows. */
const takesLarge = (features: readonly { readonly bit: number }[]): boolean =>
  features.some(({ bit }) => bit === 18 || bit === 19)

interface Fee {
  readonly fundingFee: Msat
  readonly satPerVbyte: number
}

async function feeOf({ lnd, network }: Admin, amount: Msat): Promise<Fee> {
  const send_to = [{ address: sampleAddress(network), tokens: Number(amount / 1000n) }]
  try {
    const estimate = await getChainFeeEstimate({ lnd, send_to, target_confirmations: CONFIRMATION_TARGET })
    return { fundingFee: sat(estimate.fee), satPerVbyte: estimate.tokens_per_vbyte }
  } catch {
    // The wallet has too little to build a transaction, which is told with all amounts later.
    const rate = await ask('estimating the fee', getChainFeeRate({ lnd, confirmation_target: CONFIRMATION_TARGET }))
    return {
      fundingFee: sat(Math.ceil(rate.tokens_per_vbyte * FUNDING_VBYTES)),
      satPerVbyte: Math.ceil(rate.tokens_per_vbyte),
    }
  }
}

/** `walletrpc.RequiredReserve`, which npm `lightning` has no method for. */
function requiredReserve({ lnd }: Admin, additional: number): Promise<Msat> {
  type Answer = { readonly required_reserve: string }
  return ask(
    'asking what LND keeps back',
    new Promise((resolve, reject) =>
      lnd.wallet.requiredReserve({ additional_public_channels: additional }, (error: unknown, answer: Answer) =>
        error ? reject(error) : resolve(sat(BigInt(answer.required_reserve))),
      ),
    ),
  )
}

/**
 * Has LND open a channel, once. That LND is asked is written down before; a run that was killed at any moment is followed
 * by one that finds the channel, or waits until LND cannot be at it any more. Returns when the funding transaction is on its
 * way; `watchOpening` sees it through.
 * @throws StreamError `channel-size`, `amount-invalid`, `funds-insufficient`, `peer-unreachable`, `peer-refused`,
 * `network-mismatch` (the peer is on another chain; nothing was spent), `channel-pending`, `open-unknown`, `node-…`
 * @example
 * const records = openRecords(join(home, 'opens'))
 * const { outpoint } = await openChannel(admin, { peer: parsePeer('02ab…@host:9735'), amount: sat(1_000_000), push: ZERO, private: false, records })
 */
export async function openChannel(admin: Admin, options: OpenOptions): Promise<Opened> {
  const { peer, amount, records } = options
  checkWish(options)
  const plan = await planNow(admin, options)
  if (plan.do === 'done') {
    records.remove({ node: admin.publicKey, peer: peer.publicKey })
    return { how: 'done', outpoint: plan.channel.outpoint }
  }
  if (plan.do === 'follow') return { how: 'found', outpoint: plan.channel.outpoint }
  if (plan.do === 'refuse') {
    const { capacity } = plan.channel
    throw new StreamError('channel-pending', `a channel of ${formatMsat(capacity)} to this peer is opening already`)
  }
  if (plan.do === 'wait') {
    const minutes = Math.ceil(plan.forMs / 60_000)
    throw openUnknown(amount, `it is asked again in ${minutes} minutes, or once this connection to the peer has ended`)
  }
  await connectPeer(admin, peer)
  const cost = costOf(options, await factsOf(admin, peer.publicKey, options))
  await options.confirm?.(cost)
  options.signal?.throwIfAborted()
  const connection = await findConnection(admin.lnd, peer.publicKey)
  if (!connection) throw new StreamError('peer-unreachable', `${shortKey(peer.publicKey)} has hung up`)
  if (plan.replaces) records.remove(plan.replaces)
  const record = records.claim({ node: admin.publicKey, peer: peer.publicKey, amount, connection })
  if (!record) throw openUnknown(amount, 'another run has just begun')
  options.onAsking?.()
  return askLnd(admin, options, record)
}

async function askLnd({ lnd, network }: Admin, options: OpenOptions, record: OpenRecord): Promise<Opened> {
  const { peer, amount, push, records } = options
  const asking = openLndChannel({
    lnd,
    partner_public_key: peer.publicKey,
    local_tokens: Number(amount / 1000n),
    give_tokens: Number(push / 1000n),
    is_private: options.private,
    description: noteOf(record),
  })
  const unanswered = pause(NEGOTIATION_MS, options.signal).then(() => {
    throw openUnknown(
      amount,
      options.signal?.aborted ? 'the wait for its answer was ended' : 'the peer has not answered',
    )
  })
  try {
    const { transaction_id, transaction_vout } = await Promise.race([asking, unanswered])
    const outpoint = `${transaction_id}:${transaction_vout}`
    keepOutpoint(records, { ...record, outpoint })
    return { how: 'opened', outpoint }
  } catch (error) {
    if (error instanceof StreamError) throw error
    const failure = openFailure(error, { network, peer: peer.publicKey, amount })
    if (failure.certain) records.remove(record)
    throw failure.error
  }
}

/** Where it cannot be written, the channel is found by its note all the same, and it is opening: no reason to fail. */
function keepOutpoint(records: OpenRecords, record: OpenRecord): void {
  try {
    records.save(record)
  } catch {}
}

/** Looks until there is something else to do than to wait, or patience ends. */
async function planNow(admin: Admin, options: OpenOptions) {
  const { peer, amount, another = false, records, signal, patienceMs = PATIENCE_MS } = options
  const end = Date.now() + patienceMs
  for (;;) {
    const record = records.find(admin.publicKey, peer.publicKey)
    const connection = await findConnection(admin.lnd, peer.publicKey)
    const connected = connection !== undefined && !(record && isAnother(record.connection, connection))
    if (record && !connected) await pause(SETTLE_MS)
    const list = await listChannels(admin)
    const plan = planOpen({ peer: peer.publicKey, amount, another, record, list, connected, nowMs: Date.now() })
    if (plan.do !== 'wait' || Date.now() >= end || signal?.aborted) return plan
    await pause(1000, signal)
  }
}

/** How far a channel is. */
export type OpeningState =
  | { readonly state: 'opening'; readonly blocksLeft: number | undefined }
  /** On the chain; usable when the peer is connected. */
  | { readonly state: 'open'; readonly channel: Channel }
  /** LND does not list it: it was closed meanwhile, or its transaction was given up. */
  | { readonly state: 'gone' }

/**
 * Follows an opening channel until it can be used.
 * @returns the last state when the wait was over or was ended; it goes on by itself
 * @throws StreamError one of the `node-…` codes
 */
export function watchOpening(
  admin: Admin,
  outpoint: string,
  options: WatchOptions<OpeningState>,
): Promise<OpeningState> {
  return watch(options, async () => {
    const state = openingState(await listChannels(admin), outpoint)
    return { state, done: state.state === 'gone' || (state.state === 'open' && state.channel.active) }
  })
}

function openingState({ channels, pending }: ChannelList, outpoint: string): OpeningState {
  const isIt = (channel: Channel | PendingChannel): boolean => channel.outpoint === outpoint
  const channel = channels.find(isIt)
  if (channel) return { state: 'open', channel }
  const opening = pending.find((one) => isIt(one) && one.state === 'opening')
  return opening ? { state: 'opening', blocksLeft: opening.blocksLeft } : { state: 'gone' }
}
