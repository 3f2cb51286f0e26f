import { getChannels, getPeers, getPendingChannels } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import type { LndRole } from '../../lightning/lnd/index.ts'
import { ZERO } from '../../money/msat.ts'
import { type Admin, ask } from '../admin.ts'
import { type Channel as OpenChannel, toChannel, toPending } from '../channels/channels.ts'
import { type Liquidity, receiveWords, sendWords, sumUp } from '../channels/liquidity.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

export interface ChannelFacts {
  readonly active: readonly Channel[]
  readonly inactive: readonly Channel[]
  readonly opening: readonly Channel[]
  readonly closing: number
}

/** Of a channel, what is judged here. */
export type Channel = Pick<OpenChannel, 'peer' | 'canSend' | 'canReceive'>

export const peerCount = async ({ lnd }: Admin): Promise<number> =>
  (await ask('listing peers', getPeers({ lnd }))).peers.length

export function judgePeers(peers: number, channels: number): Judgement {
  if (peers > 0) return ok(`connected to ${count(peers, 'peer')}`)
  return warning(
    channels > 0 ? 'no peer is connected, so no channel can be used' : 'no peer is connected',
    'Connect to one: `streampay node peers connect PUBKEY@HOST:PORT`. To connect outward no port has to be open.',
  )
}

export async function channelFacts({ lnd }: Admin): Promise<ChannelFacts> {
  const [{ channels }, { pending_channels: pending }] = await Promise.all([
    ask('listing channels', getChannels({ lnd })),
    // A stream's macaroon may list channels, and not those that are on their way.
    ask('listing pending channels', getPendingChannels({ lnd })).catch(unlessDenied),
  ])
  // What peers call themselves is not asked: a stream's macaroon may not.
  const unnamed = (channel: (typeof channels)[number]): OpenChannel => toChannel(channel, '')
  return {
    active: channels.filter(({ is_active }) => is_active).map(unnamed),
    inactive: channels.filter(({ is_active }) => !is_active).map(unnamed),
    opening: pending.filter(({ is_opening }) => is_opening).map((channel) => toPending(channel, '')),
    closing: pending.filter(({ is_closing }) => is_closing).length,
  }
}

function unlessDenied(error: unknown): { readonly pending_channels: [] } {
  if (error instanceof StreamError && error.code === 'node-denied') return { pending_channels: [] }
  throw error
}

/** @param role who needs them: for a buyer or a seller none is a problem, else something to know */
export function judgeChannels(facts: ChannelFacts, role: LndRole | undefined): Judgement {
  const { active, inactive, opening, closing } = facts
  const parts = [
    `${count(active.length, 'channel')} can be used`,
    inactive.length > 0
      ? `${inactive.length} cannot, since ${inactive.length === 1 ? 'its peer is' : 'their peers are'} away`
      : '',
    opening.length > 0 ? `${opening.length} being opened` : '',
    closing > 0 ? `${closing} being closed` : '',
  ].filter(Boolean)
  const found = parts.join(', ')
  if (active.length > 0) {
    return inactive.length > 0 ? warning(found, `Connect to ${away(inactive)} again, or wait for it.`) : ok(found)
  }
  const todo =
    opening.length > 0
      ? 'Wait for the confirmations of its funding: `streampay node channels` counts them.'
      : inactive.length > 0
        ? `Connect to ${away(inactive)}: \`streampay node peers connect PUBKEY@HOST:PORT\`.`
        : 'Open one: `streampay node fund`, then `streampay node open PEER --amount "1000000 sat"`.'
  return role ? problem('no-route', found, todo) : warning(found, todo)
}

const away = (channels: readonly Channel[]): string =>
  [...new Set(channels.map(({ peer }) => `${peer.slice(0, 12)}…`))].slice(0, 3).join(', ')

/** What can be paid, in the words of `node channels`. */
export function judgeOutbound(facts: ChannelFacts, role: LndRole | undefined): Judgement {
  const liquidity = liquidityOf(facts)
  const found = sendWords(liquidity)
  if (liquidity.canSend > 0n) return ok(found)
  const todo = 'Open a channel with coins of your own (`streampay node fund`, `streampay node open`), or be paid first.'
  return role === 'buyer' ? problem('balance-insufficient', found, todo) : warning(found, todo)
}

/** What can be received, in the same words. */
export function judgeInbound(facts: ChannelFacts, role: LndRole | undefined): Judgement {
  const liquidity = liquidityOf(facts)
  const found = receiveWords(liquidity)
  if (liquidity.canReceive > 0n) return ok(found)
  const todo = 'Spend something over your channels, or have another node open one to you.'
  return role === 'seller' ? problem('no-route', found, todo) : warning(found, todo)
}

const liquidityOf = ({ active, inactive, opening }: ChannelFacts): Liquidity =>
  sumUp({ usable: active, away: inactive, opening, reserved: ZERO })

const count = (number: number, name: string): string => `${number} ${name}${number === 1 ? '' : 's'}`
