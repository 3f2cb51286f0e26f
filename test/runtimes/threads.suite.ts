import { expect, test } from 'vitest'
import type { Program } from './program.ts'

interface Closed {
  readonly trades: ReadonlyArray<{ readonly maxAhead: string; readonly ahead: string }>
  readonly closings: ReadonlyArray<{
    readonly statement: { readonly agreement: string; readonly delivered: string; readonly paid: string }
    readonly returned: string
    readonly dispute?: string
  }>
}

/** What buyers and sellers in threads of one process have to keep. */
export function threadsSuite(start: () => Program): void {
  test('threads share a journal and its limits; one that is terminated in mid-stream loses nothing; each ends by itself', async () => {
    const program = start()
    const result = await program.line('result')
    expect(await program.ended).toBe(0)

    // One limit over both buyers, to the last payment that fits.
    for (const { code, hint } of result.limited) {
      expect(code).toBe('budget-exhausted')
      expect(hint).toContain('limit')
    }
    expect(BigInt(result.limitedAt)).toBeLessThanOrEqual(150_000n)
    expect(BigInt(result.limitedAt)).toBeGreaterThan(130_000n)
    for (const { trades, closings } of [...result.closed, result.closedAfter] as Closed[]) {
      for (const { maxAhead, ahead } of trades) expect(BigInt(maxAhead)).toBeLessThanOrEqual(BigInt(ahead))
      expect(closings).toHaveLength(1)
      for (const { dispute } of closings) expect(dispute).toBeUndefined()
    }

    // The buyer that was terminated: its agreement alone was taken up, each payment has an end, and its balance came back.
    const [ended] = result.recovered.agreements
    expect(result.recovered.agreements).toEqual([expect.objectContaining({ now: 'closed' })])
    expect(ended.returned).toMatch(/settled|kept|nothing/)
    for (const { payment, now } of result.recovered.payments) {
      expect(payment.agreementId).toBe(ended.id)
      expect(now).toMatch(/settled|failed/)
    }

    // The seller that was terminated: its buyer was told what it paid and received, and went on on the same agreement.
    expect(result.interrupted).toMatchObject({
      code: 'stream-interrupted',
      details: { paid: expect.stringMatching(/^\d+$/), received: expect.stringMatching(/^\d+$/) },
    })
    expect(result.cancelled.details.agreement).toBe(result.interrupted.details.agreement)

    // What the sellers' nodes were paid is what the journal has as settled, for every agreement; nothing is left in doubt.
    expect(result.open).toBe(0)
    expect(result.abandoned).toBe(0)
    const settled = new Map<string, bigint>()
    for (const { agreementId, amount, status } of result.payments) {
      if (status === 'settled') settled.set(agreementId, (settled.get(agreementId) ?? 0n) + BigInt(amount))
    }
    const paid = new Map((result.paidBySeller as Array<[string, string]>).map(([id, amount]) => [id, BigInt(amount)]))
    expect(paid.size).toBeGreaterThanOrEqual(3)
    for (const [id, amount] of paid) expect(settled.get(id), id).toBe(amount)

    for (const { code, listeners } of result.ends) {
      expect(code).toBe(0)
      expect(listeners.after).toEqual(listeners.before)
    }
  })
}
