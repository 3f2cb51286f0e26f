import { formatMsat, type Msat, msat } from '../../money/msat.ts'
import type { Channel, ChannelList } from './channels.ts'

/** What the channels of a node can move, both ways, and why it is no more. */
export interface Liquidity {
  /** Through channels that can be used now. */
  readonly canSend: Msat
  readonly canReceive: Msat
  /** Through channels whose peer is away. */
  readonly sendWithheld: Msat
  readonly receiveWithheld: Msat
  /** Kept back in all channels, by this node and by its peers. */
  readonly reserved: Msat
  readonly usable: number
  readonly away: number
  readonly opening: number
  /** What opening channels will add. */
  readonly sendSoon: Msat
  readonly receiveSoon: Msat
}

/** Sums up what channels can move. Reserves are not counted: BOLT 2 lets nobody spend them. */
export function liquidityOf({ channels, pending }: ChannelList): Liquidity {
  return sumUp({
    usable: channels.filter(({ active }) => active),
    away: channels.filter(({ active }) => !active),
    opening: pending.filter(({ state }) => state === 'opening'),
    reserved: total(channels, reserveOf),
  })
}

type Movable = Pick<Channel, 'canSend' | 'canReceive'>

/** The same of channels that were told apart before. */
export function sumUp(parts: {
  readonly usable: readonly Movable[]
  readonly away: readonly Movable[]
  readonly opening: readonly Movable[]
  readonly reserved: Msat
}): Liquidity {
  const { usable, away, opening, reserved } = parts
  return {
    canSend: total(usable, ({ canSend }) => canSend),
    canReceive: total(usable, ({ canReceive }) => canReceive),
    sendWithheld: total(away, ({ canSend }) => canSend),
    receiveWithheld: total(away, ({ canReceive }) => canReceive),
    reserved,
    usable: usable.length,
    away: away.length,
    opening: opening.length,
    sendSoon: total(opening, ({ canSend }) => canSend),
    receiveSoon: total(opening, ({ canReceive }) => canReceive),
  }
}

/** What lies in reserves now: a side that has less than its reserve keeps all it has. */
const reserveOf = ({ local, remote, canSend, canReceive }: Channel): bigint => local - canSend + (remote - canReceive)

const total = <T>(items: readonly T[], amount: (item: T) => bigint): Msat =>
  msat(items.reduce((sum, item) => sum + amount(item), 0n))

/**
 * How much can be sent, and how to be able to send more.
 * @example sendWords(liquidity) // 'you can send 1.9M sat; to send more, be paid, or open another channel'
 */
export function sendWords(liquidity: Liquidity): string {
  const { canSend, sendWithheld, sendSoon, usable, away, opening } = liquidity
  const soon = opening > 0 && sendSoon > 0n ? `${shortSat(sendSoon)} more when ${channelsAre(opening)} open` : ''
  if (usable + away === 0) {
    return opening > 0
      ? sentence('you cannot send yet', soon)
      : 'you cannot send: there is no channel; open one with `streampay node open`'
  }
  if (canSend > 0n) {
    return sentence(
      `you can send ${shortSat(canSend)}`,
      withheld(sendWithheld),
      soon,
      'to send more, be paid, or open another channel',
    )
  }
  const why = sendWithheld > 0n ? withheld(sendWithheld) : 'all is on the other side or in reserves'
  return sentence('you cannot send now', why, soon, sendWithheld > 0n ? '' : 'be paid, or open another channel')
}

/**
 * How much can be received, and how to be able to receive more.
 * @example receiveWords(liquidity) // 'you can receive 7.9M sat; to receive more, spend (…), or have others open channels to you'
 */
export function receiveWords(liquidity: Liquidity): string {
  const { canReceive, receiveWithheld, receiveSoon, usable, away, opening } = liquidity
  const soon = opening > 0 && receiveSoon > 0n ? `${shortSat(receiveSoon)} more when ${channelsAre(opening)} open` : ''
  const how = 'spend (what you pay through a channel can come back through it), or have others open channels to you'
  if (usable + away === 0) {
    if (opening > 0) return sentence('you cannot receive yet', soon)
    return 'you cannot receive: there is no channel; have others open one to you, or open one and spend through it'
  }
  if (canReceive > 0n) {
    return sentence(
      `you can receive ${shortSat(canReceive)}`,
      withheld(receiveWithheld),
      soon,
      `to receive more, ${how}`,
    )
  }
  const why = receiveWithheld > 0n ? withheld(receiveWithheld) : 'all is on your side or in reserves'
  return sentence('you cannot receive now', why, soon, receiveWithheld > 0n ? '' : how)
}

const withheld = (amount: bigint): string =>
  amount > 0n ? `${shortSat(amount)} more while their peers are connected; see \`streampay node peers\`` : ''

const channelsAre = (count: number): string => (count === 1 ? 'one channel is' : `${count} channels are`)

const sentence = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('; ')

/**
 * An amount in a sentence, to two digits, never more than there is.
 * @example shortSat(sat(7_960_000)) === '7.9M sat'
 */
export function shortSat(amount: bigint): string {
  const sats = amount / 1000n
  if (sats < 10_000n) return formatMsat(sats * 1000n)
  const [scale, name] = sats < 1_000_000n ? [1000n, 'k'] : [1_000_000n, 'M']
  const tenths = (sats * 10n) / scale
  const text = tenths >= 100n || tenths % 10n === 0n ? `${tenths / 10n}` : `${tenths / 10n}.${tenths % 10n}`
  return `${text}${name} sat`
}
