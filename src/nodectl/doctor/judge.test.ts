import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { sat } from '../../money/msat.ts'
import { NETWORKS } from '../networks/networks.ts'
import { judgeReach } from './address.ts'
import { judgeCertificates, judgeLife } from './certificate.ts'
import { type ChannelFacts, judgeChannels, judgeInbound, judgeOutbound, judgePeers } from './channels.ts'
import { judgeClock } from './clock.ts'
import { judgeNetwork } from './network.ts'
import { judgePayment, planPayment } from './payment.ts'
import { judgeSync } from './sync.ts'
import { judgeVersion } from './version.ts'
import { judgeWallet } from './wallet.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE

test.each([
  ['0.21.0-beta commit=v0.21.0-beta', 'ok'],
  ['0.20.1-beta', 'ok'],
  ['v1.0.0', 'ok'],
  ['0.19.3-beta', 'ok'],
  ['0.18.5-beta', 'problem'],
  ['0.9.0-beta', 'problem'],
  ['dev', 'warning'],
])('LND %s is %s', (version, status) => expect(judgeVersion(version)).toMatchObject({ status }))

describe('a certificate', () => {
  const pem = readFileSync(new URL('../../../test/cli/fixtures/loopback.cert.pem', import.meta.url))
  const kept = new X509Certificate(pem)
  const ends = Date.parse(kept.validTo)
  const judged = (nowMs: number) => judgeLife(kept, nowMs, 'x').status

  it('is judged by its days', () => {
    expect(judged(ends - 30 * DAY)).toBe('ok')
    expect(judged(ends - 2 * DAY)).toBe('warning')
    expect(judged(ends)).toBe('problem')
    expect(judged(Date.parse(kept.validFrom) - 1)).toBe('problem')
  })

  it('must be the one that is shown', () => {
    const found = { kept, served: kept, file: 'tls.cert' }
    expect(judgeCertificates(found, ends - 30 * DAY).status).toBe('ok')
    expect(judgeCertificates({ ...found, served: undefined }, 0)).toMatchObject({ code: 'node-unreachable' })
    expect(judgeCertificates({ ...found, kept: undefined }, 0)).toMatchObject({ code: 'node-unreachable' })
  })
})

describe('a wallet', () => {
  it.each([
    ['absent', { is_absent: true }, 'node-locked'],
    ['locked', { is_locked: true }, 'node-locked'],
    ['waiting', { is_waiting: true }, 'node-unreachable'],
    ['starting', { is_starting: true }, 'node-unreachable'],
  ] as const)('that is %s', (_, state, code) => expect(judgeWallet(state, 'x')).toMatchObject({ code }))

  it('that is open', () => expect(judgeWallet({ is_active: true, is_ready: true }, 'x').status).toBe('ok'))
})

describe('the network', () => {
  const genesis = NETWORKS.regtest.genesis[0]!
  it('is what the record, LND and the chain say alike', () =>
    expect(judgeNetwork({ says: 'regtest', expected: 'regtest', genesis }).status).toBe('ok'))

  it.each([
    ['another record', { says: 'regtest', expected: 'signet', genesis }],
    ['another chain', { says: 'simnet', expected: undefined, genesis }],
    ['a chain nobody knows', { says: 'regtest', expected: undefined, genesis: '11'.repeat(32) }],
  ] as const)('is refused with %s', (_, facts) =>
    expect(judgeNetwork(facts)).toMatchObject({ status: 'problem', code: 'network-mismatch' }),
  )
})

test('a node that is behind is a problem, one that still learns the graph is not', () => {
  const facts = { is_synced_to_chain: true, is_synced_to_graph: true, current_block_height: 1200 }
  expect(judgeSync(facts, 'signet').status).toBe('ok')
  expect(judgeSync({ ...facts, is_synced_to_graph: false }, 'signet').status).toBe('warning')
  expect(judgeSync({ ...facts, is_synced_to_chain: false }, 'signet')).toMatchObject({ code: 'node-behind' })
})

describe('the clock', () => {
  const judged = (aheadMs: number, network: 'mainnet' | 'regtest' = 'mainnet', jumpMs = 0) =>
    judgeClock({ nowMs: DAY, steadyMs: DAY - jumpMs, blockMs: DAY + aheadMs }, network, true).status

  it('is measured by the latest block', () => {
    expect(judged(-20 * MINUTE)).toBe('ok')
    expect(judged(9 * MINUTE)).toBe('ok')
    expect(judged(11 * MINUTE)).toBe('warning')
    expect(judged(121 * MINUTE)).toBe('problem')
    expect(judged(-151 * MINUTE)).toBe('warning')
  })

  it('is not measured by old blocks of a node that is behind', () =>
    expect(judgeClock({ nowMs: DAY, steadyMs: DAY, blockMs: 0 }, 'signet', false).status).toBe('skipped'))

  it('is not measured by the age of a block that nobody had to mine', () =>
    expect(judged(-30 * DAY, 'regtest')).toBe('ok'))

  it('must not jump', () => {
    expect(judged(0, 'regtest', 3000)).toBe('warning')
    expect(judged(0, 'regtest', -3000)).toBe('warning')
  })
})

const channel = (send: bigint, receive: bigint, peer = '02aa') => ({
  peer,
  canSend: sat(send),
  canReceive: sat(receive),
})
const facts = (more: Partial<ChannelFacts>): ChannelFacts => ({
  active: [],
  inactive: [],
  opening: [],
  closing: 0,
  ...more,
})

describe('channels and liquidity', () => {
  const none = facts({})

  it('that are missing are a problem for who needs them, and something to know for all others', () => {
    expect(judgeChannels(none, 'buyer')).toMatchObject({ code: 'no-route' })
    expect(judgeChannels(none, undefined).status).toBe('warning')
    expect(judgeOutbound(none, 'buyer')).toMatchObject({ code: 'balance-insufficient' })
    expect(judgeOutbound(none, 'seller').status).toBe('warning')
    expect(judgeInbound(none, 'seller')).toMatchObject({ code: 'no-route' })
    expect(judgeInbound(none, 'buyer').status).toBe('warning')
  })

  it('says what is on its way or away', () => {
    expect(judgeChannels(facts({ opening: [channel(5n, 0n)] }), undefined)).toMatchObject({
      found: '0 channels can be used, 1 being opened',
      todo: expect.stringContaining('confirmations'),
    })
    expect(
      judgeChannels(facts({ active: [channel(1n, 1n)], inactive: [channel(1n, 1n, '02bb')] }), 'buyer'),
    ).toMatchObject({
      status: 'warning',
      todo: expect.stringContaining('02bb'),
    })
  })

  it('is said in words', () => {
    const two = facts({ active: [channel(900n, 0n), channel(100n, 1_900_000n)] })
    expect(judgeOutbound(two, undefined).found).toMatch(/^you can send 1 000 sat; to send more/)
    expect(judgeInbound(two, undefined).found).toMatch(/^you can receive 1.9M sat; to receive more/)
  })

  it('needs peers', () => {
    expect(judgePeers(1, 1).status).toBe('ok')
    expect(judgePeers(0, 1).found).toContain('no channel can be used')
    expect(judgePeers(0, 0).status).toBe('warning')
  })
})

describe('the test payment', () => {
  const other = (publicKey: string) => ({
    name: publicKey,
    publicKey,
    optionsFor: () => ({ socket: '', cert: '', macaroon: '' }),
  })
  const one = [channel(900n, 900n, '02aa')]

  it('goes to the node at the end of a channel, and comes from it to a seller', () => {
    const others = [other('02cc'), other('02aa')]
    expect(planPayment(one, others, undefined)).toMatchObject({ kind: 'send', other: { name: '02aa' } })
    expect(planPayment(one, others, 'seller')).toMatchObject({ kind: 'receive', other: { name: '02aa' } })
    expect(planPayment([channel(0n, 900n)], others, 'buyer')).toMatchObject({ kind: 'receive' })
  })

  it('goes further when no neighbour is at hand', () =>
    expect(planPayment(one, [other('02cc')], undefined)).toMatchObject({ kind: 'send', other: { name: '02cc' } }))

  it('is not made where no other node is at hand', () =>
    expect(planPayment(one, [], undefined)).toMatchObject({ kind: 'none' }))

  it('is not made where nothing could carry it', () =>
    expect(planPayment([channel(1n, 1n)], [other('02aa')], undefined)).toMatchObject({ kind: 'none' }))

  it('is judged by its outcome', () => {
    const judged = (outcome: Parameters<typeof judgePayment>[0]['outcome']) => judgePayment({ way: 'to b', outcome })
    expect(judged({ status: 'settled', preimage: '', fee: sat(0) }).status).toBe('ok')
    expect(judged({ status: 'failed', reason: 'fee-too-high', detail: '' })).toMatchObject({ code: 'fee-too-high' })
    expect(judged({ status: 'pending' })).toMatchObject({ code: 'payment-unknown' })
  })
})

test('an address says who is to be started', () =>
  expect(judgeReach({ socket: 'localhost:1', refused: 'no program listens there' }, 'run it')).toMatchObject({
    code: 'node-unreachable',
    todo: 'Start it: run it.',
  }))
