import { describe, expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { KEY, sampleChannel, samplePending } from '../testing/sample.ts'
import { closeCost, closeError, findChannel } from './closePlan.ts'

const first = sampleChannel(8_000_000, 8_000_000)
const second = sampleChannel(1, 1, {
  id: '458x1x0',
  outpoint: `${'ef'.repeat(32)}:1`,
  peer: `03${'11'.repeat(32)}`,
  alias: 'carol',
})
const closing = samplePending(5, 5, {
  outpoint: `${'99'.repeat(32)}:0`,
  state: 'closing',
  peer: `03${'22'.repeat(32)}`,
  alias: '',
})
const list = { channels: [first, second], pending: [closing] }
const unknown = (message: RegExp) =>
  expect.objectContaining({ code: 'channel-unknown', message: expect.stringMatching(message) })

describe('a channel is named', () => {
  it.each([
    ['by its id', '458x1x0', second],
    ['by its funding output', second.outpoint, second],
    ['by the first digits of that', 'efefefef', second],
    ['by its peer', KEY, first],
    ["by the first digits of the peer's key", '02abababab', first],
    ["by the peer's name", 'Carol', second],
    ['while it is closing', '99999999', closing],
  ])('%s', (_, text, channel) => expect(findChannel(list, text).channel).toBe(channel))

  it.each(['', '457', '999x1x0', 'dave', 'ef', '00000000'])('"%s" names none', (text) =>
    expect(() => findChannel(list, text)).toThrow(unknown(/there is no channel/)),
  )

  it('a peer with two channels does not name one', () =>
    expect(() => findChannel({ channels: [first, { ...second, peer: KEY }], pending: [] }, KEY)).toThrow(
      unknown(/2 channels are meant/),
    ))
})

describe('a close', () => {
  it('together costs the one who opened it the fee, and the money is there at once', () => {
    expect(closeCost(first, false, 10)).toMatchObject({
      fee: sat(1800),
      sweepFee: sat(0),
      returns: sat(8_000_000 + 3000 + 660 - 1800),
      delayBlocks: 0,
    })
    expect(closeCost({ ...first, ours: false }, false, 10)).toMatchObject({ fee: sat(0), returns: sat(8_000_000) })
  })

  it('alone costs what was set aside and a second transaction, and the money waits', () => {
    expect(closeCost(first, true, 10)).toMatchObject({
      fee: sat(3000),
      sweepFee: sat(1800),
      returns: sat(8_000_000 - 1800),
      delayBlocks: 144,
    })
    expect(closeCost({ ...first, ours: false }, true, 10)).toMatchObject({
      fee: sat(0),
      returns: sat(8_000_000 - 1800),
    })
  })

  it('of a channel with next to nothing in it brings nothing, and costs no more than there is', () => {
    const empty = sampleChannel(100, 1_000_000, { ours: false })
    expect(closeCost(empty, false, 1)).toMatchObject({ returns: sat(0) })
    expect(closeCost(empty, true, 1000)).toMatchObject({ returns: sat(0), sweepFee: sat(0) })
  })

  it('is never told in parts of a sat, whatever the rate', () => {
    for (const rate of [1, 1.003, 49.18]) expect(closeCost(first, true, rate).returns % 1000n).toBe(0n)
  })
})

const rejected = (details: string) => [
  503,
  'UnexpectedCloseChannelError',
  { err: Object.assign(new Error(details), { code: 2, details }) },
]

it.each([
  [
    'unable to gracefully close channel while peer is offline (try force closing it instead): link not found',
    'close-refused',
    /not connected/,
  ],
  [
    'cannot coop close channel with active htlcs (number of active htlcs: 2), bypass this check',
    'close-refused',
    /some payments/,
  ],
  ['cannot co-op close frozen channel as initiator until height=500', 'close-refused', /stay open/],
  ['cannot close channel with state: ChanStatusCoopBroadcasted', 'close-refused', /closing already/],
  ['something else', 'node-failed', /something else/],
])('"%s" is %s', (details, code, message) => {
  expect(closeError(rejected(details), first)).toMatchObject({ code, message: expect.stringMatching(message) })
})
