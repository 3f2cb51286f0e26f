import { describe, expect, it, test } from 'vitest'
import { createInvoice, listInvoices, recordOf } from './invoices.ts'
import { FakeRpc, settledInvoice } from './testing/fakeRpc.ts'

const made = { ...settledInvoice(1, 'OPEN'), creation_date: '1000', expiry: '60', value_msat: '5000', memo: 'tea' }

describe('an invoice of LND', () => {
  test.each([
    ['OPEN', 1_059_999, 'open'],
    ['OPEN', 1_060_000, 'expired'],
    ['CANCELED', 1_059_999, 'canceled'],
    ['CANCELED', 1_060_000, 'expired'],
    ['ACCEPTED', 1_060_000, 'open'],
    ['SETTLED', 1_060_000, 'settled'],
  ] as const)('that LND calls %s is, at %d ms, %s', (state, nowMs, status) =>
    expect(recordOf({ ...made, state }, nowMs).status).toBe(status),
  )

  it('says what was asked, and what came only once it is settled', () => {
    expect(recordOf({ ...made, amt_paid_msat: '4000' }, 0)).toMatchObject({ amount: 5000n, received: 0n })
    const settled = recordOf({ ...settledInvoice(2), value_msat: '5000', amt_paid_msat: '6001' }, 0)
    expect(settled).toMatchObject({ amount: 5000n, received: 6001n, settledAtMs: 1_700_000_060_000 })
  })

  it('has no amount where the payer chose, as for a keysend', () => {
    expect(recordOf({ ...made, value_msat: '0' }, 0)).not.toHaveProperty('amount')
    expect(recordOf({ ...settledInvoice(3), is_keysend: true }, 0)).not.toHaveProperty('amount')
  })
})

describe('a list', () => {
  const rpc = new FakeRpc()
  const asked: object[] = []
  rpc.answers.set('listInvoices', (request) => {
    asked.push(request)
    return { invoices: [settledInvoice(1), settledInvoice(2)], last_index_offset: '2' }
  })

  it('is asked for from its end, and turned round', async () => {
    const listed = await listInvoices(rpc, 5)
    expect(listed.map(({ received }) => received)).toEqual([2000n, 1000n])
    expect(asked).toEqual([{ index_offset: '0', num_max_invoices: '5', reversed: true }])
  })

  it('never has more than a thousand, and LND is not asked for none', async () => {
    await listInvoices(rpc, 1e9)
    expect(asked.at(-1)).toMatchObject({ num_max_invoices: '1000' })
    const before = asked.length
    expect([await listInvoices(rpc, 0), await listInvoices(rpc, -3), await listInvoices(rpc, Number.NaN)]).toEqual([
      [],
      [],
      [],
    ])
    expect(asked).toHaveLength(before)
  })
})

it('takes any amount only when told to by name', async () => {
  const rpc = new FakeRpc()
  rpc.answers.set('addInvoice', (request: { value_msat: string }) => ({
    r_hash: Buffer.alloc(32),
    payment_request: request.value_msat,
  }))
  const rest = { description: '', expiresInSeconds: 60 }
  expect((await createInvoice(rpc, { amount: 'any', ...rest })).request).toBe('0')
  await expect(createInvoice(rpc, { amount: 0n as never, ...rest })).rejects.toMatchObject({
    code: 'amount-out-of-range',
  })
})
