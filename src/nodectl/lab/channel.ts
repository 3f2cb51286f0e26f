import type { AuthenticatedLnd, GetChannelsResult, GetPendingChannelsResult } from 'lightning'
import { type Admin, ask } from '../admin.ts'
import { mineBlocks } from '../chain/chain.ts'
import { type Lab, labUntil } from './wait.ts'

/** Of it one half is given to the other side when it opens, so that both can pay. */
export const CHANNEL_SAT = 16_000_000
/** One block opens a channel here, six announce it. */
const CONFIRMATIONS = 6
/** Of mining for a channel that does not open. */
const MAX_ROUNDS = 10

/** What the channel of the lab needs next. */
export type ChannelStep = 'open' | 'mine' | 'connect' | 'done'

type Open = Pick<GetChannelsResult['channels'][number], 'partner_public_key' | 'is_active'>
type Pending = Pick<GetPendingChannelsResult['pending_channels'][number], 'partner_public_key' | 'is_opening'>

/**
 * By what both nodes say, and not by what an earlier command did: it may have been killed anywhere.
 * @param active whether the other side, too, has an active channel
 */
export function channelStep(
  peer: string,
  open: readonly Open[],
  pending: readonly Pending[],
  active: boolean,
): ChannelStep {
  const own = open.filter((channel) => channel.partner_public_key === peer)
  if (own.some((channel) => channel.is_active) && active) return 'done'
  if (own.length > 0) return 'connect'
  return pending.some((channel) => channel.partner_public_key === peer && channel.is_opening) ? 'mine' : 'open'
}

/**
 * Sees to it that both nodes have an active channel with each other: opens one, mines until it is usable, or connects them again.
 * @param socket `127.0.0.1:PORT` where the other side takes peers
 * @throws StreamError `lab-failed`
 */
export async function haveChannel(lab: Lab, from: Admin, to: Admin, socket: string): Promise<void> {
  let rounds = 0
  // The other side refuses until it has seen the last block, too: then this fails, and is tried again.
  await labUntil(lab, 'both nodes have an active channel', async () => {
    const step = await nextStep(from, to)
    if (step === 'mine' && rounds++ < MAX_ROUNDS) await mineBlocks(lab.chain, CONFIRMATIONS)
    if (step === 'connect' || step === 'open') await connect(from.lnd, to.publicKey, socket)
    if (step === 'open') await open(from.lnd, to.publicKey)
    return step === 'done'
  })
}

async function nextStep(from: Admin, to: Admin): Promise<ChannelStep> {
  const { getChannels, getPendingChannels } = await import('lightning')
  const [own, pending, theirs] = await ask(
    'asking about channels',
    Promise.all([
      getChannels({ lnd: from.lnd }),
      getPendingChannels({ lnd: from.lnd }),
      getChannels({ lnd: to.lnd, is_active: true }),
    ]),
  )
  const active = theirs.channels.some((channel) => channel.partner_public_key === from.publicKey)
  return channelStep(to.publicKey, own.channels, pending.pending_channels, active)
}

async function connect(lnd: AuthenticatedLnd, publicKey: string, socket: string): Promise<void> {
  const { addPeer } = await import('lightning')
  // One attempt: it is made again anyway.
  await ask('connecting the nodes', addPeer({ lnd, public_key: publicKey, socket, retry_count: 1, timeout: 10_000 }))
}

async function open(lnd: AuthenticatedLnd, publicKey: string): Promise<void> {
  const { openChannel } = await import('lightning')
  await ask(
    'opening the channel',
    openChannel({ lnd, partner_public_key: publicKey, local_tokens: CHANNEL_SAT, give_tokens: CHANNEL_SAT / 2 }),
  )
}
