import { expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { ok, problem, warning } from './finding.ts'
import { judgeOfferNetwork, judgeTransport } from './seller.ts'
import { sumUp } from './sum.ts'
import { Walk } from './walk.ts'

const never = (): Promise<never> => new Promise(() => {})
const statuses = ({ findings }: Walk) => findings.map(({ check, status }) => `${check} ${status}`)

it('goes on after a failure, and gives nothing to build on', async () => {
  const walk = new Walk()
  expect(
    await walk.step(
      'address',
      async () => 1,
      () => ok('x'),
    ),
  ).toBe(1)
  expect(
    await walk.step(
      'certificate',
      async () => 2,
      () => warning('x', 'y'),
    ),
  ).toBe(2)
  expect(
    await walk.step(
      'wallet',
      async () => 3,
      () => problem('node-locked', 'x', 'y'),
    ),
  ).toBeUndefined()
  const failing = async () => Promise.reject(new StreamError('node-unreachable', 'x'))
  expect(await walk.step('version', failing, () => ok('x'))).toBeUndefined()
  expect(statuses(walk)).toEqual(['address ok', 'certificate warning', 'wallet problem', 'version problem'])
})

it('waits for no answer that does not come', async () => {
  const walk = new Walk()
  await walk.step('version', never, () => ok('x'), 20)
  expect(walk.findings).toMatchObject([
    { status: 'problem', code: 'node-unreachable', found: 'no answer within 0.02 s' },
  ])
})

it('leaves out what the macaroon may not ask, and what builds on what failed', async () => {
  const walk = new Walk()
  await walk.step(
    'clock',
    async () => Promise.reject(new StreamError('node-denied', 'x')),
    () => ok('x'),
  )
  walk.skipTo('inbound', 'network')
  expect(statuses(walk)).toEqual([
    'clock skipped',
    'peers skipped',
    'channels skipped',
    'outbound skipped',
    'inbound skipped',
  ])
})

it('a doctor that stumbles says so and goes on', async () => {
  const walk = new Walk()
  await walk.step(
    'peers',
    async () => Promise.reject(new TypeError('undefined is no function')),
    () => ok('x'),
  )
  expect(walk.findings).toMatchObject([{ status: 'problem', code: 'internal' }])
})

it('sums up by the first problem; warnings are none', () => {
  const walk = new Walk()
  walk.note('macaroon', warning('x', 'y'))
  expect(sumUp(walk.findings)).toMatchObject({ ok: true, warnings: 1, exit: 0 })
  walk.note('network', problem('network-mismatch', 'x', 'y'))
  walk.note('payment', problem('no-route', 'x', 'y'))
  expect(sumUp(walk.findings)).toMatchObject({ ok: false, problems: 2, code: 'network-mismatch', exit: 9 })
})

it('judges the way to a seller', () => {
  const day = 86_400_000
  const at = (days: number, fault?: string) =>
    judgeTransport({ kind: 'tls', fault, validTo: new Date(100 * day).toUTCString() }, (100 - days) * day)
  expect(judgeTransport({ kind: 'loopback' }, 0).status).toBe('ok')
  expect(judgeTransport({ kind: 'plain' }, 0)).toMatchObject({ code: 'transport-insecure' })
  expect(at(30).status).toBe('ok')
  expect(at(3).status).toBe('warning')
  expect(at(30, 'CERT_HAS_EXPIRED')).toMatchObject({ code: 'seller-unreachable' })
})

it("compares a seller's network with the node's", () => {
  const offer = { network: 'signet' } as Parameters<typeof judgeOfferNetwork>[0]
  const purse = (network: 'signet' | 'mainnet') => ({ name: 'a', network, open: never })
  expect(judgeOfferNetwork(offer, { purses: [purse('signet')] }).status).toBe('ok')
  expect(judgeOfferNetwork(offer, { purses: [purse('mainnet')] })).toMatchObject({ code: 'network-mismatch' })
  expect(judgeOfferNetwork(offer, { purses: [] }).status).toBe('skipped')
})
