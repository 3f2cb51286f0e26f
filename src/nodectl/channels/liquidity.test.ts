import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { sampleChannel, samplePending } from '../testing/sample.ts'
import type { Channel, PendingChannel } from './channels.ts'
import { liquidityOf, receiveWords, sendWords, shortSat } from './liquidity.ts'

const words = (channels: readonly Channel[], pending: readonly PendingChannel[] = []) => {
  const liquidity = liquidityOf({ channels, pending })
  return { send: sendWords(liquidity), receive: receiveWords(liquidity) }
}

describe('liquidity in words', () => {
  it('of balanced channels: amounts without reserves, and how to get more', () => {
    const { send, receive } = words([sampleChannel(8_000_000, 8_000_000)])
    expect(send).toMatch(/^you can send 7\.8M sat; to send more, be paid, or open another channel$/)
    expect(receive).toMatch(/^you can receive 7\.8M sat; to receive more, spend .*, or have others open/)
  })

  it('of no channel at all', () => {
    expect(words([]).send).toMatch(/no channel; open one with `streampay node open`/)
    expect(words([]).receive).toMatch(/no channel; have others open one/)
  })

  it('of a channel that was just opened: it sends and does not receive', () => {
    const { send, receive } = words([sampleChannel(1_000_000, 0)])
    expect(send).toMatch(/^you can send 990k sat/)
    expect(receive).toMatch(/^you cannot receive now; all is on your side or in reserves; spend/)
  })

  it('of a channel that is all on the other side', () => {
    expect(words([sampleChannel(9_000, 991_000)]).send).toMatch(/^you cannot send now; all is on the other side/)
  })

  it('of channels whose peers are away', () => {
    const { send, receive } = words([sampleChannel(500_000, 500_000, { active: false })])
    expect(send).toMatch(/^you cannot send now; 490k sat more while their peers are connected/)
    expect(receive).toMatch(/^you cannot receive now; 490k sat more while/)
    expect(words([sampleChannel(20_000, 20_000), sampleChannel(500_000, 0, { active: false })]).send).toMatch(
      /^you can send 19k sat; 495k sat more while their peers/,
    )
  })

  it('of channels that are opening', () => {
    const { send, receive } = words([], [samplePending(700_000, 0)])
    expect(send).toBe('you cannot send yet; 693k sat more when one channel is open')
    expect(receive).toBe('you cannot receive yet')
  })
})

it('reserves and what can be moved add up to the balances', () => {
  const side = fc.integer({ min: 0, max: 20_000_000 })
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side, fc.boolean())), (sides) => {
      const channels = sides.map(([local, remote, active]) => sampleChannel(local, remote, { active }))
      const { canSend, canReceive, sendWithheld, receiveWithheld, reserved } = liquidityOf({ channels, pending: [] })
      const balances = channels.reduce((sum, { local, remote }) => sum + local + remote, 0n)
      expect(canSend + canReceive + sendWithheld + receiveWithheld + reserved).toBe(balances)
    }),
  )
})

it.each([
  [0, '0 sat'],
  [9_999, '9 999 sat'],
  [10_000, '10k sat'],
  [12_345, '12k sat'],
  [999_999, '999k sat'],
  [1_000_000, '1M sat'],
  [1_999_999, '1.9M sat'],
  [9_999_999, '9.9M sat'],
  [123_456_789, '123M sat'],
])('%d sat is said as %s: never more than there is', (amount, text) => expect(shortSat(sat(amount))).toBe(text))
