import { describe, expect, test } from 'vitest'
import { Bounds } from '../../src/api/bounds.ts'
import { createInvoice } from '../../src/lightning/verbs/verbs.ts'
import { sat } from '../../src/money/msat.ts'
import { codeThrownBy } from '../../src/money/testing/arbitraries.ts'
import { problem, scriptedStand } from './stand.ts'

async function stand(more: Parameters<typeof scriptedStand>[0] = {}) {
  const made = await scriptedStand({ paymentTimeoutMs: 40, ...more })
  const add = async (wish: object): Promise<string> => (await made.ask('POST', '/callers', wish)).body.token
  const invoice = async (amount = '10 sat') => createInvoice(made.payee, amount)
  const pay = (request: string, token: string) => made.ask('POST', '/payments', { invoice: request }, token)
  return Object.assign(made, { add, invoice, pay })
}

describe('callers', () => {
  test('are added with limits, listed with what they spent, and taken away', async () => {
    const { ask, invoice, pay } = await stand()
    const hosts = { 'api.example.com:8443': '5 sat', 'https://b.example/': null }
    const added = await ask('POST', '/callers', {
      name: 'ada',
      max: '100 sat',
      perDay: '50 sat',
      ahead: '2 sat',
      maxPrice: '1 sat/MiB,2sat/s',
      hosts,
    })
    const limits = {
      max: '100000',
      perDay: '50000',
      ahead: '2000',
      maxPrice: '1 sat/MiB, 2 sat/s',
      hosts: { 'api.example.com:8443': '5000', 'b.example': null },
    }
    expect(added).toMatchObject({ status: 201, body: { name: 'ada', ...limits, token: 'spt_ada' } })
    expect(await ask('POST', '/callers', { name: 'no', maxPrice: 'cheap' })).toMatchObject({
      status: 400,
      body: problem('price-invalid'),
    })
    await ask('POST', '/callers', { name: 'bob', hosts: ['c.example'] })
    await ask('POST', '/callers', { name: 'eve' })
    expect((await pay((await invoice()).request, 'spt_eve')).body).toMatchObject({ status: 'settled' })
    const { callers } = (await ask('GET', '/callers')).body
    expect(callers).toMatchObject([
      { name: 'ada', ...limits, spent: '0', spentToday: '0' },
      { name: 'bob', hosts: { 'c.example': null } },
      { name: 'eve', spent: '10000', spentToday: '10000' },
    ])
    expect(JSON.stringify(callers)).not.toContain('spt_')
    expect((await ask('DELETE', '/callers/eve')).body).toEqual({ name: 'eve' })
    expect(await ask('DELETE', '/callers/eve')).toMatchObject({ status: 404, body: problem('not-found') })
    expect((await ask('GET', '/status', undefined, 'spt_eve')).status).toBe(401)
  })

  test('do what is for the owner alone on no account', async () => {
    const { ask, add, journal, callers } = await stand()
    const token = await add({ name: 'ada' })
    for (const [method, path, body] of [
      ['GET', '/callers'],
      ['POST', '/callers', { name: 'mine' }],
      ['DELETE', '/callers/ada'],
      ['PUT', '/budgets', { limit: 'day', amount: null }],
    ] as const) {
      expect(await ask(method, path, body, token)).toMatchObject({ status: 403, body: problem('owner-only') })
    }
    expect([callers.list().length, await journal.limits()]).toEqual([1, []])
  })

  test('spend no more than their own, by what all of them at once ask for', async () => {
    const { add, invoice, pay, ask, payee } = await stand()
    const token = await add({ name: 'ada', max: '35 sat' })
    const invoices = await Promise.all([1, 2, 3, 4].map(() => invoice()))
    const answers = await Promise.all(invoices.map(({ request }) => pay(request, token)))
    const settled = answers.filter(({ status }) => status === 200)
    // Each may cost 15 sat until it is known to have cost 10.
    expect(settled.length).toBeGreaterThan(1)
    expect(settled.length).toBeLessThan(4)
    expect(payee.settlements).toHaveLength(settled.length)
    const [refused] = answers.filter(({ status }) => status !== 200)
    expect(refused).toMatchObject({ status: 402, body: problem('budget-exhausted', { limit: 'caller' }) })
    expect((await ask('GET', '/balance', undefined, token)).body.sendable).toBe(`${35_000 - 10_000 * settled.length}`)
    // The owner's own payments are no matter of the caller's limit.
    expect((await pay((await invoice()).request, 'spt_owner')).body).toMatchObject({ status: 'settled' })
  })

  test('that may pay at some hosts alone pay no invoices of elsewhere', async () => {
    const { add, invoice, pay, payee, ask } = await stand()
    const token = await add({ name: 'ada', hosts: ['api.example.com'] })
    const elsewhere = await ask('POST', '/offers', { url: 'http://b.example/' }, token)
    expect(elsewhere).toMatchObject({ status: 403, body: problem('target-refused') })
    const { request } = await invoice()
    expect(await pay(request, token)).toMatchObject({ status: 402, body: problem('budget-exhausted') })
    const other = await add({ name: 'bob', hosts: { [payee.publicKey]: '20 sat' } })
    expect((await pay(request, other)).body).toMatchObject({ status: 'settled' })
  })

  test('without limits of their own spend no more than is allowed to each', async () => {
    const { add, invoice, pay, journal } = await stand({ maxEach: sat(30) })
    const token = await add({ name: 'ada' })
    expect((await pay((await invoice()).request, token)).body).toMatchObject({ status: 'settled' })
    expect((await pay((await invoice()).request, token)).body).toMatchObject({ status: 'settled' })
    expect(await pay((await invoice()).request, token)).toMatchObject({
      status: 402,
      body: problem('budget-exhausted'),
    })
    expect(await journal.callerSpending('ada')).toMatchObject({ total: sat(20) })
    const limited = await add({ name: 'bob', max: '1000 sat' })
    expect((await pay((await invoice('100 sat')).request, limited)).body).toMatchObject({ status: 'settled' })
  })

  test('see their own payments, invoices and agreements, and no others', async () => {
    const { add, invoice, pay, ask, journal } = await stand()
    const [ada, bob] = [await add({ name: 'ada', max: '100 sat' }), await add({ name: 'bob' })]
    const { request, paymentHash } = await invoice()
    await pay(request, ada)
    const made = await ask('POST', '/invoices', { amount: '5 sat' }, ada)
    const ids = { ada: 'a'.repeat(32), owner: 'c'.repeat(32) }
    const agreement = { secret: 's', url: 'http://a.example/x', method: 'GET', challenge: '{}', agreement: '{}' }
    await journal.addAgreement({ id: ids.ada, ...agreement, createdAtMs: 1, caller: 'ada' })
    await journal.addAgreement({ id: ids.owner, ...agreement, createdAtMs: 2 })
    const statusOf = async (method: string, path: string, token: string) =>
      (await ask(method, path, undefined, token)).status
    for (const path of [`/payments/${paymentHash}`, `/invoices/${made.body.paymentHash}`]) {
      expect([await statusOf('GET', path, ada), await statusOf('GET', path, 'spt_owner')]).toEqual([200, 200])
      expect(await statusOf('GET', path, bob)).toBe(404)
    }
    for (const [token, hashes, agreements] of [
      [ada, [paymentHash], [ids.ada]],
      [bob, [], []],
      ['spt_owner', [paymentHash], [ids.owner, ids.ada]],
    ] as const) {
      const history = (await ask('GET', '/history', undefined, token)).body.payments
      expect(history.map((one: { paymentHash: string }) => one.paymentHash)).toEqual(hashes)
      const list = (await ask('GET', '/agreements', undefined, token)).body.agreements
      expect(list.map((one: { agreement: string }) => one.agreement)).toEqual(agreements)
    }
    for (const [method, rest] of [
      ['POST', 'close'],
      ['GET', 'statement'],
    ] as const) {
      expect(await statusOf(method, `/agreements/${ids.owner}/${rest}`, bob)).toBe(404)
      expect(await statusOf(method, `/agreements/${ids.ada}/${rest}`, bob)).toBe(404)
    }
    const spentBy = async (token: string) =>
      (await ask('GET', '/budgets', undefined, token)).body.limits.find(
        (row: { limit: string }) => row.limit === 'total',
      )
    expect(await spentBy(ada)).toEqual({ limit: 'total', max: '100000', spent: '10000' })
    expect(await spentBy(bob)).toEqual({ limit: 'total', spent: '0' })
    expect(await spentBy('spt_owner')).toEqual({ limit: 'total', spent: '10000' })
  })

  test('are not told the proof of what somebody else has paid, or is paying', async () => {
    const { add, invoice, pay, node, payee } = await stand()
    const [ada, bob] = [await add({ name: 'ada' }), await add({ name: 'bob' })]
    const { request } = await invoice()
    const held = Promise.withResolvers<undefined>()
    const sending = Promise.withResolvers<void>()
    node.script = () => {
      sending.resolve()
      return held.promise
    }
    const paying = pay(request, ada)
    await sending.promise
    expect(await pay(request, bob)).toMatchObject({ status: 402, body: problem('invoice-invalid') })
    // The owner waits for the same outcome.
    const owners = pay(request, 'spt_owner')
    held.resolve(undefined)
    expect((await paying).body).toMatchObject({ status: 'settled' })
    expect((await owners).body).toEqual((await paying).body)
    const late = await pay(request, bob)
    expect(late).toMatchObject({ status: 402, body: problem('invoice-invalid') })
    expect(late.body).not.toHaveProperty('preimage')
    // Paid by the same node and by another program, which the journal knows nothing of.
    const elsewhere = await invoice()
    await node.pay({ request: elsewhere.request, maxFee: sat(1), timeoutMs: 1000 })
    expect(await pay(elsewhere.request, bob)).toMatchObject({ status: 402, body: problem('invoice-invalid') })
    expect(payee.settlements).toHaveLength(2)
  })
})

test('one caller asks for so much at once, and then has to wait; the others need not', () => {
  const bounds = new Bounds()
  const take = (name: string) => codeThrownBy(() => bounds.take('invoices', name))
  const first = Array.from({ length: 500 }, () => take('ada'))
  expect(first.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => undefined))
  expect(first).toContain('rate-limited')
  expect(take('bob')).toBeUndefined()
})
