import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { StreamError } from '../../errors/error.ts'
import { subscribeSettlements } from './settlements.ts'
import { FakeRpc, rpcError, settledInvoice } from './testing/fakeRpc.ts'

let rpc: FakeRpc
let told: bigint[]
let errors: Error[]
let end: (() => void) | undefined
beforeEach(() => {
  vi.useFakeTimers()
  rpc = new FakeRpc()
  told = []
  errors = []
})
afterEach(() => {
  end?.()
  vi.useRealTimers()
})

const start = async (since: bigint) => {
  end = subscribeSettlements(
    rpc,
    since,
    ({ index }) => told.push(index),
    (error) => errors.push(error),
  )
  await vi.advanceTimersByTimeAsync(0)
}
const live = () => rpc.subscriptions.at(-1)!
const lost = rpcError(14, 'Connection dropped')

it('resumes from the place it is given', async () => {
  await start(7n)
  expect(live().since).toBe(7n)
  live().stream.emit('data', settledInvoice(8))
  expect(told).toEqual([8n])
})

it('keeps its place over a break that follows an invoice which is not settled', async () => {
  await start(7n)
  live().stream.emit('data', settledInvoice(8))
  live().stream.emit('data', settledInvoice(20, 'OPEN'))
  live().stream.emit('error', lost)
  await vi.advanceTimersByTimeAsync(250)
  expect(rpc.subscriptions).toHaveLength(2)
  expect(live().since).toBe(8n)
})

it('tells none twice', async () => {
  await start(7n)
  for (const index of [8, 8, 7, 9, 8]) live().stream.emit('data', settledInvoice(index))
  expect(told).toEqual([8n, 9n])
})

it('begins at the first settlement when asked for all, on whatever page it is', async () => {
  rpc.invoices = Array.from({ length: 2500 }, (_, i) => settledInvoice(i + 1, 'CANCELED'))
  rpc.invoices[2300] = settledInvoice(1)
  rpc.invoices[40] = settledInvoice(2)
  await start(0n)
  expect(told).toEqual([1n])
  expect(live().since).toBe(1n)
})

it('begins at the lowest there is when the first is gone', async () => {
  rpc.invoices = [settledInvoice(9), settledInvoice(4), settledInvoice(6)]
  await start(0n)
  expect(told).toEqual([4n])
  expect(live().since).toBe(4n)
})

it('finds a first settlement that came before LND knew of the subscription', async () => {
  await start(0n)
  expect(live().since).toBe(0n)
  rpc.invoices = [settledInvoice(1)]
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told).toEqual([1n])
  expect(live().since).toBe(1n)
  expect(rpc.subscriptions[0]!.stream.cancelled).toBe(true)
})

it('fetches what it missed when the first that it hears is not the first there was', async () => {
  await start(0n)
  rpc.invoices = [settledInvoice(1), settledInvoice(2), settledInvoice(3)]
  live().stream.emit('data', settledInvoice(3))
  await vi.advanceTimersByTimeAsync(0)
  expect(live().since).toBe(1n)
  for (const index of [2, 3]) live().stream.emit('data', settledInvoice(index))
  expect(told).toEqual([1n, 2n, 3n])
})

it('reports an outage once, waits longer each time up to five seconds, and the next outage again', async () => {
  await start(3n)
  for (let outage = 0; outage < 8; outage++) {
    live().stream.emit('error', lost)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(rpc.subscriptions).toHaveLength(outage + 2)
  }
  expect(errors.map((error) => (error as StreamError).code)).toEqual(['node-unreachable'])
  live().stream.emit('data', settledInvoice(4))
  live().stream.emit('error', lost)
  await vi.advanceTimersByTimeAsync(250)
  expect(errors).toHaveLength(2)
  expect(live().since).toBe(4n)
})

it('notices a connection that is silently gone', async () => {
  await start(3n)
  rpc.answers.set('listInvoices', () => {
    throw rpcError(4, 'Deadline exceeded')
  })
  await vi.advanceTimersByTimeAsync(30_000 + 250)
  expect(errors).toMatchObject([{ code: 'node-unreachable' }])
  expect(rpc.subscriptions).toHaveLength(2)
})

it('tells nothing more once it is ended, and leaves no timer', async () => {
  await start(3n)
  const { stream } = live()
  end?.()
  await vi.advanceTimersByTimeAsync(0)
  stream.emit('data', settledInvoice(4))
  stream.emit('error', lost)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(told).toEqual([])
  expect(errors).toEqual([])
  expect(rpc.subscriptions).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})
