import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { anyTimeMs, hex } from '../terms/testing/arbitraries.ts'
import { decodeJson, encodeJson } from './encoding.ts'
import { decodeReceipt, encodeReceipt } from './receipt.ts'
import { nowMs } from './testing/fixtures.ts'

const receipt = { method: 'lightning', reference: 'ab'.repeat(16), timestampMs: nowMs }

describe('receipts', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(hex(32), anyTimeMs, (reference, timestampMs) => {
        const any = { method: 'lightning', reference, timestampMs }
        expect(decodeReceipt(encodeReceipt(any))).toEqual(any)
      }),
    )
  })

  it('say success, as the draft demands', () => {
    const json = decodeJson(encodeReceipt(receipt), 'seller-failed')
    expect(json).toEqual({
      method: 'lightning',
      reference: receipt.reference,
      status: 'success',
      timestamp: '2026-01-02T03:04:05.000Z',
    })
    expect(codeThrownBy(() => decodeReceipt(encodeJson({ ...(json as object), status: 'failed' })))).toBe(
      'seller-failed',
    )
  })

  it('throw nothing but seller-failed, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.jsonValue().map(encodeJson)), (text) => {
        expect([undefined, 'seller-failed']).toContain(codeThrownBy(() => decodeReceipt(text)))
      }),
      { numRuns: 1000 },
    )
  })
})
