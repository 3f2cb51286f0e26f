import { expect, onTestFinished, test, vi } from 'vitest'
import type { PaymentOutcome } from '../../lightning/node.ts'
import { ZERO } from '../../money/msat.ts'
import { Follower, finalOutcome } from './outcome.ts'

const HOUR = 3_600_000
const paymentHash = 'ab'.repeat(32)
const knowing = (outcome: PaymentOutcome | undefined) => ({ lookupPayment: async () => outcome })

test('what settled or failed is final', async () => {
  const settled = { status: 'settled', preimage: '00', fee: ZERO } as const
  const failed = { status: 'failed', reason: 'no-route', detail: '' } as const
  for (const outcome of [settled, failed]) {
    expect(await finalOutcome(knowing(outcome), { paymentHash })).toEqual(outcome)
    expect(await finalOutcome(knowing(outcome), { paymentHash, createdAtMs: 0 })).toEqual(outcome)
  }
})

test('what is on its way, and what the node cannot tell, counts on, however old it is', async () => {
  const old = { paymentHash, createdAtMs: Date.now() - HOUR }
  expect(await finalOutcome(knowing({ status: 'pending' }), old)).toBeUndefined()
  expect(await finalOutcome(knowing({ status: 'unknown', detail: '' }), old)).toBeUndefined()
  const away = { lookupPayment: () => Promise.reject(new Error('no answer')) }
  expect(await finalOutcome(away, old)).toBeUndefined()
})

test('what the node never heard of was never sent, if an earlier run wrote it a while ago', async () => {
  const never = knowing(undefined)
  expect(await finalOutcome(never, { paymentHash })).toBeUndefined()
  expect(await finalOutcome(never, { paymentHash, createdAtMs: Date.now() })).toBeUndefined()
  expect(await finalOutcome(never, { paymentHash, createdAtMs: Date.now() - 60_000 })).toMatchObject({
    status: 'failed',
  })
})

test('what this run asked for and the node has not heard of was never sent, once it says so for a while', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const ends: PaymentOutcome[] = []
  const follower = new Follower(knowing(undefined))
  void follower.outcomeOf({ paymentHash }).then((outcome) => ends.push(outcome))
  await vi.advanceTimersByTimeAsync(10_000)
  expect(ends).toEqual([])
  await vi.advanceTimersByTimeAsync(20_000)
  expect(ends).toMatchObject([{ status: 'failed' }])
})

test('what the node has heard of meanwhile counts on', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const ends: PaymentOutcome[] = []
  const answers: Array<PaymentOutcome | undefined> = [undefined, { status: 'pending' }]
  const follower = new Follower({ lookupPayment: async () => (answers.length > 1 ? answers.shift() : answers[0]) })
  void follower.outcomeOf({ paymentHash }).then((outcome) => ends.push(outcome))
  await vi.advanceTimersByTimeAsync(300_000)
  expect(ends).toEqual([])
  follower.end()
})
