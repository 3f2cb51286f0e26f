import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { openJournal } from '../../ledger/index.ts'
import type { Journal } from '../../ledger/journal.ts'
import type { PaymentOutcome } from '../../lightning/node.ts'
import { type ScriptedNode, scriptedPair } from '../../lightning/testing/scripted.ts'
import { prepareInvoice, prepareKeysend } from '../../lightning/verbs/prepare.ts'
import { createInvoice, readInvoice } from '../../lightning/verbs/verbs.ts'
import { sat } from '../../money/msat.ts'
import { type ByHandResult, payByHand } from './byHand.ts'

let buyer: ScriptedNode
let seller: ScriptedNode
let journal: Journal
let request: string
beforeEach(async () => {
  ;({ buyer, seller } = scriptedPair())
  journal = openJournal(':memory:')
  request = (await createInvoice(seller, '10 sat')).request
})
afterEach(() => journal.end())

const prepared = async () => prepareInvoice(readInvoice(request), await buyer.info(), {}, Date.now())
const paying = async (more: object = {}): Promise<ByHandResult> =>
  payByHand(await prepared(), {
    node: buyer,
    journal,
    timeoutMs: 50,
    confirm: async () => {},
    onSending: () => {},
    onNear: () => {},
    ...more,
  })
const entry = async () => journal.getPayment(readInvoice(request).paymentHash)
/** What the node answers to the next payment. */
const next = (outcome: PaymentOutcome) => {
  buyer.script = () => {
    buyer.script = () => undefined
    return outcome
  }
}
const noRoute = { status: 'failed', reason: 'no-route', detail: 'none' } as const

describe('a payment by hand', () => {
  it('is in the journal before it is sent, with its fee cap, and afterwards with its proof', async () => {
    let seen: unknown
    buyer.script = async () => {
      seen = await entry()
      return undefined
    }
    const { preimage, before } = await paying()
    expect(seen).toMatchObject({
      status: 'pending',
      agreementId: '',
      origin: `lightning://${seller.publicKey}`,
      maxFee: sat(5),
    })
    expect(before).toBe(false)
    expect(await entry()).toMatchObject({ status: 'settled', preimage })
    expect((await journal.spending()).total).toBe(sat(10))
  })

  it('that was made is not made again', async () => {
    const first = await paying()
    expect(await paying()).toEqual({ ...first, before: true })
    expect(seller.settlements).toHaveLength(1)
  })

  it('asked for by many at once is made once', async () => {
    buyer.latencyMs = 20
    const all = await Promise.allSettled([paying(), paying(), paying()])
    const made = all.filter(({ status }) => status === 'fulfilled')
    expect(made).toHaveLength(1)
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'payment-unknown' })
    expect(seller.settlements).toHaveLength(1)
  })

  it('that failed may be tried again', async () => {
    next(noRoute)
    await expect(paying()).rejects.toMatchObject({ code: 'no-route' })
    expect(await entry()).toMatchObject({ status: 'failed' })
    expect((await journal.spending()).total).toBe(0n)
    expect(await paying()).toMatchObject({ before: false })
    expect((await journal.spending()).total).toBe(sat(10))
  })

  it('without a known outcome counts as spent, and is not sent again', async () => {
    next({ status: 'unknown', detail: 'gone' })
    await expect(paying()).rejects.toMatchObject({ code: 'payment-unknown' })
    expect(await entry()).toMatchObject({ status: 'unknown' })
    expect((await journal.spending()).total).toBe(sat(15))
    await expect(paying()).rejects.toMatchObject({ code: 'payment-unknown' })
    expect(buyer.calls).toBe(1)
  })

  it('is refused by a limit, with nothing sent', async () => {
    await journal.setLimit('day', sat(14))
    await expect(paying()).rejects.toMatchObject({ code: 'budget-exhausted', details: { limit: 'day' } })
    expect([buyer.calls, await entry()]).toEqual([0, undefined])
    await journal.setLimit('day', sat(15))
    const onNear = vi.fn()
    await paying({ onNear })
    expect(onNear.mock.calls.map(([{ limit }]) => limit)).toEqual(['day'])
  })

  it('that is not confirmed leaves no trace', async () => {
    const confirm = () => Promise.reject(new StreamError('not-confirmed', 'no'))
    await expect(paying({ confirm })).rejects.toMatchObject({ code: 'not-confirmed' })
    expect([buyer.calls, await entry()]).toEqual([0, undefined])
  })

  it('that the node refuses at the door has failed; of a broken one nothing is known', async () => {
    const refused = new StreamError('node-denied', 'the macaroon')
    buyer.pay = () => Promise.reject(refused)
    await expect(paying()).rejects.toBe(refused)
    expect(await entry()).toMatchObject({ status: 'failed' })
    buyer.pay = () => Promise.reject(new Error('a defect'))
    await expect(paying()).rejects.toMatchObject({ code: 'internal' })
    expect(await entry()).toMatchObject({ status: 'pending' })
  })

  it('that the node made for another program is told, and not made again', async () => {
    buyer.outcomes.set(readInvoice(request).paymentHash, { status: 'settled', preimage: 'ab', fee: sat(1) })
    expect(await paying()).toEqual({ preimage: 'ab', fee: sat(1), before: true })
    buyer.outcomes.set(readInvoice(request).paymentHash, { status: 'pending' })
    await expect(paying()).rejects.toMatchObject({ code: 'payment-unknown' })
    expect(buyer.calls).toBe(0)
  })

  it('needs no invoice', async () => {
    const payment = prepareKeysend(seller.publicKey, '3 sat', await buyer.info())
    const options = {
      node: buyer,
      journal,
      timeoutMs: 50,
      confirm: async () => {},
      onSending: () => {},
      onNear: () => {},
    }
    await payByHand(payment, options)
    expect(await journal.getPayment(payment.paymentHash)).toMatchObject({
      request: `keysend:${seller.publicKey}`,
      status: 'settled',
      amount: sat(3),
    })
    expect(await payByHand(payment, options)).toMatchObject({ before: true })
    expect(seller.settlements).toHaveLength(1)
  })
})
