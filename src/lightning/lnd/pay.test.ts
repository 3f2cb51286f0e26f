import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { sat } from '../../money/msat.ts'
import type { PaymentOutcome } from '../node.ts'
import { keysend, lookup, pay } from './pay.ts'
import { FakeRpc, lndPayment, rpcError } from './testing/fakeRpc.ts'

const paymentHash = 'ab'.repeat(32)
const request = 'lnbcrt10n1…'

let rpc: FakeRpc
let outcome: Promise<PaymentOutcome>
beforeEach(() => {
  vi.useFakeTimers()
  rpc = new FakeRpc()
  rpc.answers.set('decodePayReq', () => ({
    payment_hash: paymentHash,
    destination: '',
    num_msat: '1000',
    cltv_expiry: '9',
    route_hints: [],
  }))
  outcome = pay(rpc, { request, maxFee: sat(1), timeoutMs: 1500 })
})
afterEach(() => vi.useRealTimers())

const sent = () => rpc.sent[0]!.stream
const tracked = async () => {
  await expect.poll(() => rpc.tracked).toHaveLength(1)
  expect(rpc.tracked[0]!.hash).toBe(paymentHash)
  return rpc.tracked[0]!.stream
}

it('asks for one part, an exact cap and whole seconds, rounded up', () => {
  sent().emit('data', lndPayment({}))
  expect(rpc.sent[0]!.request).toMatchObject({
    payment_request: request,
    fee_limit_msat: '1000',
    timeout_seconds: 2,
    max_parts: 1,
  })
})

it('ends the stream when it has the outcome, and bears that being told as an error', async () => {
  sent().emit('data', lndPayment({}))
  expect(await outcome).toMatchObject({ status: 'settled' })
  expect(sent().cancelled).toBe(true)
  sent().emit('error', rpcError(1, 'Cancelled on client'))
})

describe('when the connection is gone', () => {
  it('rejects if nothing can have been sent', async () => {
    sent().emit('error', rpcError(14, 'No connection established. Last error: Error: connect ECONNREFUSED'))
    await expect(outcome).rejects.toMatchObject({ code: 'node-unreachable' })
  })

  it.each(['Connection dropped', 'read ECONNRESET'])('does not know the outcome after "%s"', async (details) => {
    sent().emit('error', rpcError(14, details))
    expect(await outcome).toMatchObject({ status: 'unknown' })
  })

  it('does not know the outcome of a stream that ends without a word', async () => {
    sent().emit('end')
    expect(await outcome).toMatchObject({ status: 'unknown' })
  })
})

describe('when LND had this payment before', () => {
  beforeEach(() => sent().emit('error', rpcError(6, 'payment is in transition')))

  it('waits for that one', async () => {
    const stream = await tracked()
    expect(rpc.tracked[0]!.finalOnly).toBe(true)
    stream.emit('data', lndPayment({}))
    expect(await outcome).toMatchObject({ status: 'settled' })
    expect(rpc.sent).toHaveLength(1)
  })

  it('says pending when that one takes longer', async () => {
    await tracked()
    await vi.advanceTimersByTimeAsync(4_000)
    expect(await outcome).toEqual({ status: 'pending' })
  })

  it('does not know when the node cannot tell', async () => {
    const stream = await tracked()
    stream.emit('error', rpcError(14, 'Connection dropped'))
    expect(await outcome).toMatchObject({ status: 'unknown' })
  })
})

const refuseToDecode = (code: number, details: string) =>
  rpc.answers.set('decodePayReq', () => {
    throw rpcError(code, details)
  })

it.each([
  ['node-locked', 2, 'wallet locked, unlock it to enable full RPC access'],
  ['node-unreachable', 2, 'the RPC server is in the process of starting up, but not yet ready to accept calls'],
  ['node-denied', 2, 'permission denied'],
])('rejects with %s when it was refused at the door', async (code, status, details) => {
  sent().emit('error', rpcError(status, details))
  await expect(outcome).rejects.toMatchObject({ code })
})

it('has failed if the invoice is one that LND cannot read', async () => {
  refuseToDecode(2, 'invalid checksum')
  sent().emit('error', rpcError(2, 'invalid checksum'))
  expect(await outcome).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
})

it('does not know the outcome if the connection is gone before it can ask', async () => {
  refuseToDecode(14, 'Connection dropped')
  sent().emit('error', rpcError(2, 'a new kind of trouble'))
  expect(await outcome).toMatchObject({ status: 'unknown' })
})

describe('when LND says something unforeseen', () => {
  beforeEach(() => sent().emit('error', rpcError(2, 'a new kind of trouble')))

  it('has failed if the node has no such payment', async () => {
    const stream = await tracked()
    stream.emit('error', rpcError(5, "payment isn't initiated"))
    expect(await outcome).toEqual({ status: 'failed', reason: 'payment-failed', detail: 'a new kind of trouble' })
  })

  it('is pending if the node says so', async () => {
    const stream = await tracked()
    stream.emit('data', lndPayment({ status: 'IN_FLIGHT' }))
    expect(await outcome).toEqual({ status: 'pending' })
  })

  it('is unknown if the node does not answer', async () => {
    await tracked()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await outcome).toMatchObject({ status: 'unknown' })
  })
})

it('asks for the state when the time is up', async () => {
  await vi.advanceTimersByTimeAsync(3_500)
  const stream = await tracked()
  expect(sent().cancelled).toBe(true)
  stream.emit('data', lndPayment({ status: 'IN_FLIGHT' }))
  expect(await outcome).toEqual({ status: 'pending' })
})

describe('when there is no route', () => {
  const noRoute = () => sent().emit('data', lndPayment({ status: 'FAILED', failure_reason: 'FAILURE_REASON_NO_ROUTE' }))
  it('is the fee if there is a dearer one', async () => {
    rpc.answers.set('queryRoutes', () => ({ routes: [{ total_fees_msat: '1001' }] }))
    noRoute()
    expect(await outcome).toMatchObject({ status: 'failed', reason: 'fee-too-high' })
  })

  it.each(['1000', '0'])('is not the fee if a route for %s msat would have done', async (total_fees_msat) => {
    rpc.answers.set('queryRoutes', () => ({ routes: [{ total_fees_msat }] }))
    noRoute()
    expect(await outcome).toMatchObject({ reason: 'no-route' })
  })

  it('stays no route if that cannot be found out', async () => {
    noRoute()
    expect(await outcome).toMatchObject({ reason: 'no-route' })
  })
})

it('refuses to guess about a payment when the node does not answer', async () => {
  const found = lookup(rpc, paymentHash)
  found.catch(() => {})
  await vi.advanceTimersByTimeAsync(10_000)
  await expect(found).rejects.toMatchObject({ code: 'node-unreachable' })
})

describe('without an invoice', () => {
  const preimage = '01'.repeat(32)
  const hash = '72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793'
  const publicKey = `02${'cd'.repeat(32)}`
  beforeEach(() => {
    rpc = new FakeRpc()
    outcome = keysend(rpc, { publicKey, amount: sat(3), maxFee: sat(1), timeoutMs: 1000, preimage })
  })

  it('sends the preimage along, under its hash', () => {
    expect(rpc.sent[0]!.request).toMatchObject({
      dest: Buffer.from(publicKey, 'hex'),
      amt_msat: '3000',
      payment_hash: Buffer.from(hash, 'hex'),
      dest_custom_records: { 5482373484: Buffer.from(preimage, 'hex') },
      fee_limit_msat: '1000',
      max_parts: 1,
    })
    sent().emit('data', lndPayment({}))
  })

  it('asks for what became of the first when LND had it before', async () => {
    sent().emit('error', rpcError(6, 'payment is in transition'))
    await expect.poll(() => rpc.tracked[0]?.hash).toBe(hash)
    rpc.tracked[0]!.stream.emit('data', lndPayment({ payment_preimage: preimage }))
    expect(await outcome).toMatchObject({ status: 'settled', preimage })
  })

  it('does not call it the fault of an invoice when the payee takes none', async () => {
    sent().emit('data', lndPayment({ status: 'FAILED', failure_reason: 'FAILURE_REASON_INCORRECT_PAYMENT_DETAILS' }))
    expect(await outcome).toMatchObject({ status: 'failed', reason: 'payment-failed' })
  })
})
