import { encodeJson, jcs } from '../../src/wire/encoding.ts'
import { decodeReceipt, encodeReceipt } from '../../src/wire/receipt.ts'
import { agreement, nowMs } from '../../src/wire/testing/fixtures.ts'
import { refusals, type Vectors } from './row.ts'

const sample = { method: 'lightning', reference: agreement.id, timestampMs: nowMs }
const json = { method: 'lightning', reference: agreement.id, status: 'success', timestamp: '2026-01-02T03:04:05.000Z' }

export const receipt = (): Vectors => ({
  about: 'Payment-Receipt values (section 5).',
  receipts: [{ canonical: jcs(json), header: encodeReceipt(sample) }],
  refused: refusals(
    {
      'another status': encodeJson({ ...json, status: 'failed' }),
      'no reference': encodeJson({ ...json, reference: undefined }),
      'a time that is none': encodeJson({ ...json, timestamp: 'now' }),
      padding: `${encodeJson(json)}=`,
      'no JSON': 'AAAA',
    },
    decodeReceipt,
  ),
})
