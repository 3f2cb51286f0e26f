import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CODES, type ErrorCode } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'
import { fromProblem, toProblem } from './problem.ts'

const codes = Object.keys(CODES) as ErrorCode[]
const overTheWire = (error: StreamError): StreamError | undefined =>
  fromProblem(JSON.parse(JSON.stringify(toProblem(error))))

describe('problems', () => {
  it.each(codes)('carry %s there and back', (code) => {
    const error = overTheWire(new StreamError(code, 'what happened', { amount: '5' }))
    expect(error).toMatchObject({ code, message: 'what happened', details: { amount: '5' } })
  })

  it('have the types that the Payment scheme names, and our own for the rest', () => {
    expect(toProblem(new StreamError('payment-required', ''))).toMatchObject({
      type: 'https://paymentauth.org/problems/payment-required',
      title: 'Payment required',
      status: 402,
      code: 'payment-required',
      hint: CODES['payment-required'].hint,
    })
    expect(toProblem(new StreamError('price-too-high', '')).type).toBe('urn:streampay:problem:price-too-high')
  })

  it('let no detail pass for a member of the document', () => {
    const problem = toProblem(
      new StreamError('internal', 'x', { status: '200', code: 'payment-required', type: 'y', ok: 'z' }),
    )
    expect(problem).toMatchObject({ status: 500, code: 'internal', ok: 'z' })
    expect(problem.type).not.toBe('y')
  })

  it('are read by their type when another server wrote them', () => {
    const base = 'https://paymentauth.org/problems/'
    expect(fromProblem({ type: `${base}payment-expired`, detail: 'late' })).toMatchObject({
      code: 'offer-expired',
      message: 'late',
    })
    expect(fromProblem({ type: `${base}method-unsupported` })?.message).toBe(CODES['method-unsupported'].title)
    expect(fromProblem({ type: `${base}constructor` })).toBeUndefined()
    expect(fromProblem({ type: 'about:blank', status: 404 })).toBeUndefined()
    expect(fromProblem({ code: 'toString' })).toBeUndefined()
  })

  it('are bounded', () => {
    const members = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, 'y'.repeat(5000)]))
    const error = fromProblem({ code: 'internal', detail: 'z'.repeat(5000), ...members, deep: { a: 1 } })
    expect(error?.message).toHaveLength(2000)
    expect(Object.keys(error!.details)).toHaveLength(32)
    expect(error?.details.x0).toHaveLength(2000)
  })

  it('never throw, whatever comes', () => {
    const shaped = fc.record({
      code: fc.constantFrom(...codes),
      detail: fc.jsonValue(),
      type: fc.jsonValue(),
      x: fc.jsonValue(),
    })
    fc.assert(
      fc.property(fc.oneof(shaped, fc.anything()), (body) => {
        expect(fromProblem(body)).toSatisfy((error) => error === undefined || error instanceof StreamError)
      }),
      { numRuns: 1000 },
    )
  })
})
