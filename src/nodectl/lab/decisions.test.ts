import { describe, expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { channelStep } from './channel.ts'
import { needsCoins } from './coins.ts'
import { type LabChannel, type LiveLabNode, liquidityOf } from './nodes.ts'
import { type LabNodeStatus, labHints } from './status.ts'

describe('channelStep', () => {
  const bob = 'bob'
  const open = (is_active: boolean, partner_public_key = bob) => ({ is_active, partner_public_key })
  const pending = (is_opening: boolean, partner_public_key = bob) => ({ is_opening, partner_public_key })

  it.each([
    ['nothing yet', [], [], false, 'open'],
    ['one that opens', [], [pending(true)], false, 'mine'],
    ['one that closes', [], [pending(false)], false, 'open'],
    ['one with somebody else', [open(true, 'carol')], [pending(true, 'carol')], false, 'open'],
    ['one that both can use', [open(true)], [], true, 'done'],
    ['one that the other side does not see yet', [open(true)], [], false, 'connect'],
    ['one whose ends are apart', [open(false)], [], false, 'connect'],
    ['one of two that can be used', [open(false), open(true)], [pending(true)], true, 'done'],
  ] as const)('%s', (_, opened, waiting, active, step) => expect(channelStep(bob, opened, waiting, active)).toBe(step))
})

it('gives coins to a wallet that could not open a channel or two', () => {
  expect(needsCoins(0)).toBe(true)
  expect(needsCoins(99_999_999)).toBe(true)
  expect(needsCoins(100_000_000)).toBe(false)
})

const channel = (active: boolean): LabChannel => ({
  id: '453x1x0',
  peer: '02',
  capacity: sat(100),
  local: sat(60),
  remote: sat(40),
  localReserve: sat(1),
  remoteReserve: sat(2),
  active,
})
const live = (name: LiveLabNode['name'], more: Partial<LiveLabNode> = {}): LiveLabNode => ({
  name,
  publicKey: '02',
  height: 458,
  synced: true,
  coins: sat(1),
  channels: [channel(true)],
  ...more,
})

it('counts what active channels can move, without the reserves', () => {
  expect(liquidityOf(live('lab-alice', { channels: [channel(true), channel(false)] }))).toEqual({
    out: sat(59),
    in: sat(38),
  })
  expect(liquidityOf(live('lab-alice', { channels: [] }))).toEqual({ out: 0n, in: 0n })
})

describe('labHints', () => {
  const node = (name: LiveLabNode['name'], more: Partial<LabNodeStatus>): LabNodeStatus => ({
    name,
    backend: 'btcd',
    state: 'up',
    ...more,
  })
  const up = [node('lab-alice', { live: live('lab-alice') }), node('lab-bob', { live: live('lab-bob') })]
  const down = [node('lab-alice', { state: 'down' }), node('lab-bob', { state: 'down' })]
  const bob = (more: Partial<LiveLabNode>) => [up[0]!, node('lab-bob', { live: live('lab-bob', more) })]

  it.each([
    ['all is well', { chain: 'up', height: 458, nodes: up }, []],
    ['there is none', { chain: 'absent', nodes: down }, [/there is no lab/]],
    ['it is down', { chain: 'down', nodes: down }, [/it is down/]],
    ['a node is down', { chain: 'up', nodes: [up[0]!, down[1]!] }, [/repairs/]],
    ['a node does not answer', { chain: 'up', nodes: [up[0]!, node('lab-bob', { state: 'silent' })] }, [/repairs/]],
    ['the chain is down', { chain: 'down', nodes: up }, [/repairs/]],
    ['a node is not synced', { chain: 'up', nodes: bob({ synced: false }) }, [/lab mine 1/]],
    [
      'no channel is active',
      {
        chain: 'up',
        nodes: [
          node('lab-alice', { live: live('lab-alice', { channels: [channel(false)] }) }),
          ...bob({ channels: [] }).slice(1),
        ],
      },
      [/no channel/],
    ],
  ] as const)('%s', (_, status, hints) =>
    expect(labHints(status)).toEqual(hints.map((hint) => expect.stringMatching(hint))),
  )
})
