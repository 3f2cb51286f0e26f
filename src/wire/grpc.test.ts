import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../errors/error.ts'
import { encodeMessage, grpcRefusal, grpcStatusOf, isGrpc, isGrpcOverHttp2, readGrpcRefusal } from './grpc.ts'
import { toProblem } from './problem.ts'

const challenge = { 'www-authenticate': 'L402 token="AgEB", invoice="lnbcrt1"' }
const headersOf = (error: StreamError) => new Headers({ ...grpcRefusal(toProblem(error)), ...challenge })

describe('a refusal of a call', () => {
  it('is read as the 402 that it was written for, whatever that is about', () => {
    for (const code of ['payment-required', 'payment-insufficient', 'macaroon-invalid'] as const) {
      const problem = toProblem(new StreamError(code, 'détails: 100 % “gone”'))
      const headers = headersOf(new StreamError(code, 'détails: 100 % “gone”'))
      expect(headers.get('grpc-message')).toBe('payment required')
      expect(JSON.parse(readGrpcRefusal(headers)!.problem!)).toEqual(problem)
    }
  })

  it('has its own message where no payment mends it', () => {
    const headers = headersOf(new StreamError('rate-limited', 'später: 100 %'))
    expect(headers.get('grpc-status')).toBe('8')
    expect(headers.get('grpc-message')).toBe('sp%C3%A4ter: 100 %25')
    expect(readGrpcRefusal(headers)).toBeUndefined()
  })

  it('is read from servers of another making', () => {
    const said = { 'grpc-status': '13', 'grpc-message': 'Payment Required', ...challenge }
    expect(readGrpcRefusal(new Headers(said))).toEqual({ problem: undefined })
    expect(readGrpcRefusal(new Headers({ ...said, 'grpc-status': '2' }))).toEqual({ problem: undefined })
    expect(readGrpcRefusal(new Headers({ ...said, 'problem-bin': '!' }))).toEqual({ problem: undefined })
    expect(readGrpcRefusal(new Headers({ ...said, 'problem-bin': 'e30=' }))).toEqual({ problem: '{}' })
    expect(readGrpcRefusal(new Headers({ ...said, 'problem-bin': 'A'.repeat(10_000) }))).toEqual({ problem: undefined })
    for (const other of [{ 'grpc-status': '0' }, { 'grpc-message': 'failed' }, { 'www-authenticate': '' }]) {
      const headers = new Headers({ ...said, ...other })
      if (headers.get('www-authenticate') === '') headers.delete('www-authenticate')
      expect(readGrpcRefusal(headers)).toBeUndefined()
    }
  })
})

it('every status of an error has one of gRPC, and only success has none', () => {
  for (let status = 300; status <= 599; status++) {
    expect(grpcStatusOf(status)).toBeGreaterThan(0)
    expect(grpcStatusOf(status)).toBeLessThan(17)
  }
})

it('messages hold nothing that a header cannot, and come back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const written = encodeMessage(text)
      expect(written).toMatch(/^[\x20-\x7e]*$/)
      expect(decodeURIComponent(written)).toBe(text.toWellFormed())
    }),
  )
})

it('calls are told by their type', () => {
  for (const type of [
    'application/grpc',
    'application/grpc+proto',
    ' Application/GRPC;x=y',
    'application/grpc-web-text',
  ]) {
    expect(isGrpc(type), type).toBe(true)
  }
  for (const type of [null, '', 'application/grpcs', 'application/grpc-webby', 'x/application/grpc']) {
    expect(isGrpc(type)).toBe(false)
  }
  expect(isGrpcOverHttp2('application/grpc+json')).toBe(true)
  expect(isGrpcOverHttp2('application/grpc-web+proto')).toBe(false)
})
