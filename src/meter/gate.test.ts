import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { msat, sat } from '../money/msat.ts'
import { parsePrice } from '../money/price.ts'
import { fixedCredit, NO_CREDIT } from '../terms/credit.ts'
import type { Credit } from '../terms/terms.ts'
import { Gate } from './gate.ts'

const gateAt = (credit: Credit, price = '1 sat/token') =>
  new Gate(parsePrice(price), credit, { deliveredSteps: 0n, paid: msat(0n) })
const never = new AbortController().signal

describe('Gate', () => {
  test('a stranger without credit pays first', () => {
    const gate = gateAt(NO_CREDIT)
    expect(gate.reserve(1n)).toBe(0n)
    gate.pay(sat(2))
    expect(gate.reserve(5n, 1n)).toBe(2n)
    expect(gate.reserve(1n)).toBe(0n)
    expect(gate.maxUnpaid).toBe(0n)
  })

  test('what cannot be cut goes whole or not at all', () => {
    const gate = gateAt(fixedCredit(sat(4)))
    expect(gate.reserve(5n)).toBe(0n)
    expect(gate.reserve(4n)).toBe(4n)
    expect(gate.maxUnpaid).toBe(4000n)
  })

  test('a part of a msat is not covered by the msat before it', () => {
    const gate = gateAt(NO_CREDIT, '1 sat/3k tokens')
    gate.pay(msat(1n))
    expect(gate.reserve(10n, 1n)).toBe(3n)
    expect(gate.delivered).toBe(1n)
  })

  test('first come, first served: a small request does not pass a large one', async () => {
    const gate = gateAt(NO_CREDIT)
    const order: string[] = []
    const large = gate.acquire(5n, 5n, never).then(() => order.push('large'))
    const small = gate.acquire(1n, 1n, never).then(() => order.push('small'))
    gate.pay(sat(4))
    expect(gate.reserve(1n)).toBe(0n)
    expect(gate.due).toBe(1000n)
    gate.pay(sat(2))
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
    expect(gate.shut).toBe(false)
  })

  test('one who leaves the queue lets the next one go on, and takes nothing', async () => {
    const gate = gateAt(fixedCredit(sat(1)))
    const leaving = new AbortController()
    const first = gate.acquire(5n, 5n, leaving.signal)
    const second = gate.acquire(1n, 1n, never)
    leaving.abort(new Error('left'))
    await expect(first).rejects.toThrow('left')
    expect(await second).toBe(1n)
    expect(gate.deliveredSteps).toBe(1n)
  })

  test('who has left already reserves nothing', async () => {
    const gate = gateAt(fixedCredit(sat(1)))
    await expect(gate.acquire(1n, 1n, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    expect(gate.deliveredSteps).toBe(0n)
  })

  test('an abort after the grant changes nothing', async () => {
    const gate = gateAt(fixedCredit(sat(1)))
    const late = new AbortController()
    const granted = gate.acquire(1n, 1n, late.signal)
    late.abort()
    expect(await granted).toBe(1n)
    expect(gate.deliveredSteps).toBe(1n)
  })

  test('steps that were taken back serve who waits', async () => {
    const gate = gateAt(fixedCredit(sat(3)))
    expect(gate.reserve(3n)).toBe(3n)
    const waiting = gate.acquire(2n, 2n, never)
    gate.release(1n)
    expect(gate.deliveredSteps).toBe(2n)
    gate.release(1n)
    expect(await waiting).toBe(2n)
    expect(gate.maxUnpaid).toBe(3000n)
  })

  test('remembers the worst risk after it is over', () => {
    const paidOff = gateAt(fixedCredit(sat(3)))
    paidOff.reserve(3n)
    paidOff.pay(sat(3))
    expect(paidOff.maxUnpaid).toBe(3000n)
    const takenBack = gateAt(fixedCredit(sat(3)))
    takenBack.reserve(3n)
    takenBack.release(3n)
    expect(takenBack.maxUnpaid).toBe(3000n)
  })

  test('leaves nothing behind at a signal that serves many pieces', async () => {
    const gate = gateAt(fixedCredit(sat(1)))
    const serving = new AbortController()
    expect(await gate.acquire(1n, 1n, serving.signal)).toBe(1n)
    expect(getEventListeners(serving.signal, 'abort')).toHaveLength(0)
    const waiting = gate.acquire(1n, 1n, serving.signal)
    serving.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    expect(getEventListeners(serving.signal, 'abort')).toHaveLength(0)
  })

  test('credit grows with what was paid, up to its bound', () => {
    const gate = gateAt({ start: sat(0), max: sat(2), ramp: 10n })
    gate.pay(sat(10))
    expect(gate.reserve(100n, 1n)).toBe(11n)
    gate.pay(sat(90))
    expect(gate.reserve(1000n, 1n)).toBe(91n)
    expect(gate.maxUnpaid).toBe(2000n)
  })

  test('a price of zero has no limit', () => {
    expect(gateAt(NO_CREDIT, '0 sat/token').reserve(10n ** 12n)).toBe(10n ** 12n)
  })

  test('goes on from what the ledger knows', () => {
    const gate = new Gate(parsePrice('1 sat/token'), NO_CREDIT, { deliveredSteps: 3n, paid: sat(5) })
    expect(gate.balance).toBe(2000n)
    expect(gate.reserve(5n, 1n)).toBe(2n)
  })
})
