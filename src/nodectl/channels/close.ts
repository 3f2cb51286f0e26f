import { closeChannel as closeLndChannel, getChainFeeRate, getChannel, getClosedChannels } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import { pause } from '../../lightning/pause.ts'
import { type Admin, ask } from '../admin.ts'
import { requireAddressOf } from '../networks/guard.ts'
import { isConnected } from '../peers/peers.ts'
import { shortKey } from '../peers/peersText.ts'
import { type WatchOptions, watch } from '../watch.ts'
import { type ChannelList, listChannels, type PendingChannel } from './channels.ts'
import { type CloseCost, closeCost, closeError, findChannel, type NamedChannel } from './closePlan.ts'

export interface CloseOptions {
  /** Id, funding output, or peer. */
  readonly channel: string
  /** Alone, without the peer: dearer, and the money waits. */
  readonly force?: boolean
  /** Where this node's part goes; an address of the same network. LND's own wallet when absent. */
  readonly to?: string
  /** Asked just before LND is; what it throws ends it, and nothing was done. */
  readonly confirm?: (cost: CloseCost) => Promise<void>
  readonly signal?: AbortSignal
}

/** `closed`: LND was asked now. `found`: it was closing already. */
export interface Closing {
  readonly how: 'closed' | 'found'
  readonly outpoint: string
}

/** As for opening. */
const CONFIRMATION_TARGET = 6
/** The peer may take its time to agree; LND then goes on by itself. */
const NEGOTIATION_MS = 60_000

/**
 * What closing a channel would cost, and when its money can be spent. Changes nothing.
 * @throws StreamError `channel-unknown`, `address-invalid`, `network-mismatch`, `option-invalid`, `node-…`
 * @example const { cost } = await estimateClose(admin, { channel: '457x1x0', force: true })
 */
export async function estimateClose(admin: Admin, options: CloseOptions): Promise<NamedChannel & { cost?: CloseCost }> {
  const { force = false, to } = options
  if (to !== undefined) requireAddressOf(to, { what: `node ${admin.alias}`, network: admin.network })
  // The outputs of a commitment are fixed when it is signed.
  if (to !== undefined && force) {
    throw new StreamError(
      'option-invalid',
      'a channel that is closed alone pays to the wallet: --to does not go with --force',
    )
  }
  const named = await resolve(admin, options.channel)
  if (named.is !== 'open') return named
  const rate = await ask(
    'estimating the fee',
    getChainFeeRate({ lnd: admin.lnd, confirmation_target: CONFIRMATION_TARGET }),
  )
  return { ...named, cost: closeCost(named.channel, force, rate.tokens_per_vbyte) }
}

const ID = /^\d+x\d+x\d+$/

/** LND lists a closing channel without its id. The graph has it until the closing transaction is confirmed. */
async function resolve(admin: Admin, text: string): Promise<NamedChannel> {
  const list = await listChannels(admin)
  const isOpen = list.channels.some(({ id }) => id === text)
  if (!ID.test(text) || isOpen) return findChannel(list, text)
  const edge = await getChannel({ lnd: admin.lnd, id: text }).catch(() => undefined)
  return findChannel(list, edge ? `${edge.transaction_id}:${edge.transaction_vout}` : text)
}

/** The funding output of a channel that is closed for good, by its id or that output. */
async function closedOutpoint({ lnd }: Admin, text: string): Promise<string | undefined> {
  const { channels } = await ask('listing closed channels', getClosedChannels({ lnd }))
  const outpointOf = (channel: (typeof channels)[number]) => `${channel.transaction_id}:${channel.transaction_vout}`
  const closed = channels.find((channel) => channel.id === text || outpointOf(channel) === text)
  return closed && outpointOf(closed)
}

/**
 * Has LND close a channel. One that is closing already is left to it: a channel has one funding output, which no two
 * transactions can spend, so that asking twice costs nothing.
 * @throws StreamError `channel-unknown`, `channel-pending` (it is not open yet), `close-refused`, `network-mismatch`, `node-…`
 */
export async function closeChannel(admin: Admin, options: CloseOptions): Promise<Closing> {
  const closed = await closedOutpoint(admin, options.channel)
  if (closed !== undefined) return { how: 'found', outpoint: closed }
  const found = await estimateClose(admin, options)
  const { outpoint, peer } = found.channel
  if (found.is !== 'open') {
    if (found.is === 'closing') return { how: 'found', outpoint }
    throw new StreamError('channel-pending', 'this channel is opening; it can be closed when it is open')
  }
  const { force = false, to } = options
  if (!force && !(await isConnected(admin.lnd, peer))) {
    throw new StreamError('close-refused', `the peer ${shortKey(peer)} is not connected`)
  }
  if (found.cost) await options.confirm?.(found.cost)
  options.signal?.throwIfAborted()
  const [transaction_id = '', vout] = outpoint.split(':')
  const channel = { lnd: admin.lnd, transaction_id, transaction_vout: Number(vout) }
  const asking = force
    ? closeLndChannel({ ...channel, is_force_close: true })
    : closeLndChannel({ ...channel, ...(to !== undefined && { address: to }) })
  try {
    await Promise.race([asking, pause(NEGOTIATION_MS, options.signal)])
  } catch (error) {
    // What LND was asked before it went down, or was asked twice, it may have done.
    const after = await listChannels(admin).catch(() => undefined)
    if (!after?.pending.some((channel) => channel.outpoint === outpoint)) throw closeError(error, found.channel)
  }
  return { how: 'closed', outpoint }
}

export type ClosingState =
  /** LND has it as open: the peers have not agreed yet. */
  | { readonly state: 'agreeing' }
  | { readonly state: 'confirming'; readonly channel: PendingChannel }
  /** Closed alone and confirmed: the money waits. */
  | { readonly state: 'waiting'; readonly channel: PendingChannel; readonly blocks: number }
  | { readonly state: 'closed' }

/**
 * Follows a closing channel until its transaction is confirmed: then its money is in the wallet, or is known when it will be.
 * @returns the last state when the wait was over or was ended; it goes on by itself
 * @throws StreamError one of the `node-…` codes
 */
export function watchClosing(
  admin: Admin,
  outpoint: string,
  options: WatchOptions<ClosingState>,
): Promise<ClosingState> {
  return watch(options, async () => {
    const state = closingState(await listChannels(admin), outpoint)
    return { state, done: state.state === 'waiting' || state.state === 'closed' }
  })
}

function closingState({ channels, pending }: ChannelList, outpoint: string): ClosingState {
  if (channels.some((channel) => channel.outpoint === outpoint)) return { state: 'agreeing' }
  const channel = pending.find((one) => one.outpoint === outpoint)
  if (!channel) return { state: 'closed' }
  const { spendableIn } = channel
  return spendableIn === undefined
    ? { state: 'confirming', channel }
    : { state: 'waiting', channel, blocks: spendableIn }
}

/** The transaction that closed a channel; `undefined` when LND has it not as closed. */
export async function closeTransactionOf({ lnd }: Admin, outpoint: string): Promise<string | undefined> {
  const { channels } = await ask('listing closed channels', getClosedChannels({ lnd }))
  const closed = channels.find((channel) => `${channel.transaction_id}:${channel.transaction_vout}` === outpoint)
  return closed?.close_transaction_id
}
