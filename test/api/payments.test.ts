import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/index.ts'
import { temporaryFolder } from '../../src/ledger/testing/temporary.ts'
import type { PaymentOutcome } from '../../src/lightning/node.ts'
import { createInvoice, readInvoice } from '../../src/lightning/verbs/verbs.ts'
import { sat, ZERO } from '../../src/money/msat.ts'
import { problem, scriptedStand } from './stand.ts'

const folder = temporaryFolder()
const noRoute: PaymentOutcome = { status: 'failed', reason: 'no-route', detail: 'none' }
const unknown: PaymentOutcome = { status: 'unknown', detail: 'the node was cut off' }

async function stand(more: Parameters<typeof scriptedStand>[0] = {}) {
  const made = await scriptedStand({ paymentTimeoutMs: 40, ...more })
  const { request, paymentHash } = await createInvoice(made.payee, '10 sat', { description: 'tea' })
  const pay = (wish: object = {}, token?: string) => made.ask('POST', '/payments', { invoice: request, ...wish }, token)
  const look = (token?: string) => made.ask('GET', `/payments/${paymentHash}`, undefined, token)
  return Object.assign(made, { request, paymentHash, pay, look })
}

describe('a payment', () => {
  test('is written before it is sent, made, and told with its proof', async () => {
    const { node, journal, paymentHash, pay, look, payee } = await stand()
    let before: unknown
    node.script = async () => {
      before = await journal.getPayment(paymentHash)
      return undefined
    }
    const paid = {
      paymentHash,
      status: 'settled',
      amount: '10000',
      fee: '0',
      preimage: payee.preimages.get(paymentHash),
    }
    expect(await pay()).toMatchObject({ status: 200, body: paid })
    expect(before).toMatchObject({ status: 'pending', amount: sat(10), maxFee: sat(5) })
    expect((await look()).body).toEqual(paid)
  })

  test('is made once, however often it is asked for, one after the other or at once', async () => {
    const { node, pay, payee } = await stand()
    node.latencyMs = 20
    const answers = await Promise.all([pay(), pay(), pay()])
    answers.push(await pay())
    for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]!.body])
    expect(payee.settlements).toHaveLength(1)
  })

  test('of another process, or before a restart, is told and not made again', async () => {
    const file = path.join(folder(), 'restarted.db')
    const first = await stand({ journal: openJournal(file) })
    const { body } = await first.pay()
    await first.close()
    const again = await scriptedStand({ journal: openJournal(file) })
    expect((await again.ask('POST', '/payments', { invoice: first.request })).body).toEqual(body)
    expect(again.node.calls).toBe(0)
  })

  test('that failed is told as failed, with the reason, and may be tried again', async () => {
    const { node, pay, look, journal, payee } = await stand()
    node.script = () => noRoute
    const failed = { status: 'failed', amount: '10000', error: { code: 'no-route', retryable: true } }
    expect(await pay()).toMatchObject({ status: 200, body: failed })
    expect((await look()).body).toMatchObject({ status: 'failed' })
    expect((await journal.spending()).total).toBe(ZERO)
    node.script = () => undefined
    expect((await pay()).body).toMatchObject({ status: 'settled' })
    expect(payee.settlements).toHaveLength(1)
  })

  test('of unknown outcome counts as spent, is never sent again, and is told once the node knows', async () => {
    const { node, pay, look, journal, paymentHash, payee } = await stand()
    let asked = 0
    node.script = () => {
      asked++
      return unknown
    }
    const open = { status: 'unknown', amount: '10000', error: { code: 'payment-unknown', retryable: false } }
    expect((await pay()).body).toMatchObject(open)
    expect((await pay()).body).toMatchObject({ status: 'unknown' })
    expect((await look()).body).toEqual({ paymentHash, status: 'unknown', amount: '10000' })
    expect((await journal.spending()).total).toBe(sat(15))
    node.settle(paymentHash, sat(10))
    const settled = { status: 'settled', preimage: payee.preimages.get(paymentHash) }
    expect((await look()).body).toMatchObject(settled)
    expect((await pay()).body).toMatchObject(settled)
    expect(asked).toBe(1)
    expect((await journal.spending()).total).toBe(sat(10))
  })

  test('of unknown outcome that turns out to have failed is made when it is asked for again', async () => {
    const { node, pay, paymentHash, payee } = await stand()
    node.script = () => unknown
    await pay()
    node.outcomes.set(paymentHash, noRoute)
    node.script = () => undefined
    expect((await pay()).body).toMatchObject({ status: 'settled' })
    expect(payee.settlements).toHaveLength(1)
  })

  test('that another process is making is told as it stands, and left to that one', async () => {
    const file = path.join(folder(), 'shared.db')
    const other = openJournal(file)
    const made = await stand({ journal: openJournal(file) })
    const { publicKey } = await made.node.info()
    const { payee } = readInvoice(made.request)
    await other.repeatPayment({
      ...{ paymentHash: made.paymentHash, request: made.request, agreementId: '', origin: `lightning://${payee}` },
      ...{ payer: publicKey, amount: sat(10), maxFee: sat(5), createdAtMs: Date.now() - 60_000, receivedSteps: 0n },
    })
    // An attempt of before, of which the node knows the end: it says nothing of what is about to be sent.
    made.node.outcomes.set(made.paymentHash, noRoute)
    const { calls } = made.node
    expect((await made.pay()).body).toMatchObject({ status: 'pending' })
    expect((await made.look()).body).toMatchObject({ status: 'pending' })
    expect(made.node.calls).toBe(calls)
    await other.end()
    expect((await made.pay()).body).toMatchObject({ status: 'settled' })
  })

  test('goes on when its client leaves', async () => {
    const { node, raw, request, look, server } = await stand()
    const sending = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    node.script = async () => {
      sending.resolve()
      await answer.promise
      return undefined
    }
    const leaving = new AbortController()
    expect(server.port).toBeGreaterThan(0)
    const asked = fetch(`${server.url}/.streampay/v1/payments`, {
      method: 'POST',
      headers: { authorization: 'Bearer spt_owner', 'content-type': 'application/json' },
      body: JSON.stringify({ invoice: request }),
      signal: leaving.signal,
    })
    await sending.promise
    leaving.abort()
    await expect(asked).rejects.toThrow()
    expect((await look()).body).toMatchObject({ status: 'pending' })
    answer.resolve()
    await expect.poll(async () => (await look()).body.status).toBe('settled')
    expect(raw).toBeDefined()
  })
})

describe('what a payment may cost', () => {
  test('`max` holds with routing, and `maxFee` for that alone', async () => {
    const { node, pay } = await stand()
    const caps: bigint[] = []
    node.script = ({ maxFee }) => {
      caps.push(maxFee)
      return noRoute
    }
    expect(await pay({ max: '9.999 sat' })).toMatchObject({ status: 402, body: problem('budget-exhausted') })
    expect(caps).toEqual([])
    await pay({ max: '10 sat' })
    await pay({ max: '12 sat' })
    await pay({ max: '100 sat' })
    await pay({ max: '100 sat', maxFee: '10%' })
    await pay({ max: '10.5 sat', maxFee: '1 sat' })
    expect(caps).toEqual([ZERO, sat(2), sat(5), sat(1), 500n])
  })

  test('a limit of the owner refuses it, and nothing is sent', async () => {
    const { pay, ask, node, look } = await stand()
    const { calls } = node
    await ask('PUT', '/budgets', { limit: 'day', amount: '14 sat' })
    const refused = { status: 402, body: problem('budget-exhausted', { limit: 'day', max: '14000', retryable: false }) }
    expect(await pay()).toMatchObject(refused)
    expect(node.calls).toBe(calls)
    expect(await look()).toMatchObject({ status: 404, body: problem('not-found') })
    await ask('PUT', '/budgets', { limit: 'day', amount: null })
    expect((await pay()).body).toMatchObject({ status: 'settled' })
  })

  test('an amount that the invoice leaves to the payer has to be given, and any other is refused', async () => {
    const { payee, ask, pay } = await stand()
    const { request } = await createInvoice(payee, 'any')
    const free = (amount?: string) => ask('POST', '/payments', { invoice: request, ...(amount && { amount }) })
    expect(await free()).toMatchObject({ status: 400, body: problem('option-invalid') })
    expect(await pay({ amount: '11 sat' })).toMatchObject({ status: 400, body: problem('option-invalid') })
    expect((await free('7 sat')).body).toMatchObject({ status: 'settled', amount: '7000' })
  })

  test('what is no invoice, expired, of another network or of this node pays nothing', async () => {
    const { ask, node, payee } = await stand()
    const own = await createInvoice(node, '1 sat')
    payee.alter = (parts) => ({ ...parts, network: 'mainnet' })
    const real = await createInvoice(payee, '1 sat')
    payee.alter = (parts) => ({ ...parts, createdAtMs: 0 })
    const old = await createInvoice(payee, '1 sat')
    for (const [invoice, code, status] of [
      ['lnbcrt1', 'invoice-invalid', 402],
      [own.request, 'invoice-invalid', 402],
      [real.request, 'network-mismatch', 402],
      [old.request, 'invoice-invalid', 402],
    ] as const) {
      expect(await ask('POST', '/payments', { invoice })).toMatchObject({ status, body: problem(code) })
    }
    expect(payee.settlements).toEqual([])
  })

  test('a node that cannot be asked pays nothing, and what it was not asked is not spent', async () => {
    const { node, pay, journal, look } = await stand()
    const { StreamError } = await import('../../src/errors/error.ts')
    node.pay = () => Promise.reject(new StreamError('node-unreachable', 'gone'))
    expect(await pay()).toMatchObject({ status: 503, body: problem('node-unreachable', { retryable: true }) })
    expect((await look()).body).toMatchObject({ status: 'failed' })
    expect((await journal.spending()).total).toBe(ZERO)
  })
})

test('the end waits for what is being paid, and begins nothing more', async () => {
  const { node, payee, api, journal } = await stand()
  const owner = { name: 'owner', isOwner: true, limits: {} }
  const post = async (invoice: string) => {
    const body = JSON.stringify({ invoice })
    const headers = { 'content-type': 'application/json' }
    const request = new Request('http://127.0.0.1/.streampay/v1/payments', { method: 'POST', headers, body })
    return (await (await api.handle(request, owner))!.json()) as { status: string; code?: string }
  }
  const [held, sending] = [Promise.withResolvers<undefined>(), Promise.withResolvers<void>()]
  node.script = () => {
    sending.resolve()
    return held.promise
  }
  const [one, two] = await Promise.all([1, 2].map(() => createInvoice(payee, '1 sat')))
  const paying = post(one!.request)
  await sending.promise
  let ended = false
  const end = api.close(60_000).then(() => {
    ended = true
  })
  expect((await post(two!.request)).code).toBe('interrupted')
  expect(ended).toBe(false)
  held.resolve(undefined)
  await end
  expect(await journal.getPayment(one!.paymentHash)).toMatchObject({ status: 'settled' })
  expect((await paying).status).toBe('settled')
  // Who cannot wait leaves it to the journal.
  await api.close(0)
})

test('a process that pays nothing pays nothing, and tells what was paid before', async () => {
  const file = path.join(folder(), 'dry.db')
  const paying = await stand({ journal: openJournal(file) })
  await paying.pay()
  await paying.close()
  const dry = await stand({ dryRun: true, journal: openJournal(file) })
  const { calls } = dry.node
  expect(await dry.pay()).toMatchObject({ status: 402, body: problem('budget-exhausted') })
  expect((await dry.ask('POST', '/payments', { invoice: paying.request })).body).toMatchObject({ status: 'settled' })
  expect(dry.node.calls).toBe(calls)
})

test('so many are made at once for one caller, and no more', async () => {
  const { node, payee, ask } = await stand()
  const held = Promise.withResolvers<undefined>()
  let sending = 0
  node.script = () => {
    sending++
    return held.promise
  }
  const invoices = await Promise.all(Array.from({ length: 17 }, () => createInvoice(payee, '1 sat')))
  const asked = invoices.slice(1).map(({ request }) => ask('POST', '/payments', { invoice: request }))
  await expect.poll(() => sending).toBe(16)
  const refused = await ask('POST', '/payments', { invoice: invoices[0]!.request })
  expect(refused).toMatchObject({ status: 429, body: problem('rate-limited', { retryable: true }) })
  expect(refused.headers.get('retry-after')).toBe('1')
  held.resolve(undefined)
  for (const { body } of await Promise.all(asked)) expect(body).toMatchObject({ status: 'settled' })
})
