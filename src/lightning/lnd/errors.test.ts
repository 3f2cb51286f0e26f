import { expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { nodeError } from './errors.ts'
import { neverSent } from './status.ts'
import { rpcError } from './testing/fakeRpc.ts'

// What LND 0.21 and grpc-js 1.14 say, word for word.
it.each([
  [2, 'wallet locked, unlock it to enable full RPC access', 'node-locked'],
  [2, 'wallet not created, create one to enable full RPC access', 'node-locked'],
  [12, 'unknown service lnrpc.Lightning', 'node-locked'],
  [2, 'the RPC server is in the process of starting up, but not yet ready to accept calls', 'node-unreachable'],
  [2, 'waiting to start, RPC services not available', 'node-unreachable'],
  [2, 'verification failed: signature mismatch after caveat verification', 'node-denied'],
  [2, 'permission denied', 'node-denied'],
  [2, 'expected 1 macaroon, got 0', 'node-denied'],
  [2, 'cannot determine data format of binary-encoded macaroon', 'node-denied'],
  [14, 'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1', 'node-unreachable'],
  [14, 'No connection established. Last error: Error: self-signed certificate', 'node-unreachable'],
  [14, 'Connection dropped', 'node-unreachable'],
  [4, 'Deadline exceeded after 10.000s', 'node-unreachable'],
  [2, 'something new', 'node-failed'],
])('takes status %i "%s" for %s', (code, details, expected) => {
  const error = nodeError(rpcError(code, details), 'asking')
  expect(error).toBeInstanceOf(StreamError)
  expect(error.code).toBe(expected)
  // gRPC's error is an object with the whole call in it.
  expect(error.cause).toBeUndefined()
})

it('leaves our own errors alone', () => {
  const error = new StreamError('node-unreachable', 'closed')
  expect(nodeError(error, 'asking')).toBe(error)
})

it('knows when nothing can have been sent', () => {
  expect(neverSent(rpcError(14, 'No connection established. Last error: Error: connect ECONNREFUSED'))).toBe(true)
  expect(neverSent(rpcError(14, 'Name resolution failed for target dns:nowhere:1'))).toBe(true)
  expect(neverSent(rpcError(14, 'Connection dropped'))).toBe(false)
  expect(neverSent(rpcError(2, 'No connection established'))).toBe(false)
})
