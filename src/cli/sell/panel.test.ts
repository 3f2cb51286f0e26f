import { expect, test } from 'vitest'
import type { ReturnRecord } from '../../ledger/ledger.ts'
import { msat, sat, ZERO } from '../../money/msat.ts'
import type { Debts } from '../../seller/seller.ts'
import type { Output } from '../output/output.ts'
import { panelLines, tell } from './panel.ts'

const claim = (changes: Partial<ReturnRecord> = {}): ReturnRecord => ({
  agreementId: 'ab'.repeat(16),
  paymentHash: 'cd'.repeat(32),
  request: 'lnbcrt',
  amount: sat(4),
  expiresAtMs: 9,
  status: 'pending',
  fee: ZERO,
  attempts: 0,
  nextAttemptMs: 0,
  ...changes,
})
const owed = (debts: Debts): string | undefined =>
  panelLines(new Map(), debts).find((line) => line.trim().startsWith('owed'))

test('the panel says what is owed, and why returns wait', () => {
  expect(owed({ amount: ZERO, agreements: 0, claims: [] })).toBeUndefined()
  expect(owed({ amount: sat(12), agreements: 3, claims: [claim()] })).toBe('  owed     12 sat on 3 agreements')
  const waiting = claim({ failure: 'no-route', attempts: 2 })
  expect(owed({ amount: sat(12), agreements: 3, claims: [claim(), waiting] })).toBe(
    '  owed     12 sat on 3 agreements; 1 return waits: no-route',
  )
  const other = claim({ failure: 'in-flight' })
  expect(owed({ amount: msat(1500n), agreements: 1, claims: [waiting, waiting, other] })).toBe(
    '  owed     1.5 sat on 1 agreement; 3 returns wait: no-route, in-flight',
  )
})

test('what is owed at the start and a payment that belongs to nobody are told, in text and in JSON', () => {
  const events: unknown[] = []
  const said: string[] = []
  const output = {
    event: (event: string, members: object) => events.push({ event, ...members }),
    say: (text: string) => said.push(text),
  } as unknown as Output
  tell({ type: 'owed', debts: { amount: sat(12), agreements: 2, claims: [claim()] } }, new Map(), output)
  tell({ type: 'stray', agreement: 'ab', paymentHash: 'cd', amount: sat(3) }, new Map(), output)
  expect(events).toEqual([
    { event: 'owed', amount: '12000', agreements: 2, claims: 1 },
    { event: 'stray', agreement: 'ab', paymentHash: 'cd', amount: '3000' },
  ])
  expect(said[0]).toContain('12 sat on 2 agreements')
  expect(said[1]).toContain('3 sat arrived for an agreement that was forgotten unpaid: ab')
})
