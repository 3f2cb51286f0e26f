import { afterEach, describe, expect, test } from 'vitest'
import { LocalEvents } from '../../src/api/events.ts'
import { Listening, MAX_LAG, MAX_LISTENERS, MAX_LISTENERS_OF_ONE } from '../../src/api/listening.ts'
import { createInvoice } from '../../src/lightning/verbs/verbs.ts'
import { type Stand, scriptedStand } from './stand.ts'

interface Told {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

const leaving: AbortController[] = []
afterEach(() => {
  for (const one of leaving.splice(0)) one.abort()
})

/** The events of a stream as they come. */
async function* eventsOf(stand: Stand, token: string): AsyncGenerator<Told> {
  const leave = new AbortController()
  leaving.push(leave)
  const headers = { authorization: `Bearer ${token}` }
  const response = await stand.raw('/events', { headers, signal: leave.signal })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  let text = ''
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
      text = text.slice(end + 2)
      if (event !== undefined) yield { event, data: JSON.parse(data!) }
    }
  }
}

/** The next one; the stream is open once its first byte came, so that nothing is missed. */
const next = async (events: AsyncGenerator<Told>): Promise<Told> => (await events.next()).value

describe('events', () => {
  test('tell a caller of its own payments, and the owner of all', async () => {
    const stand = await scriptedStand()
    for (const name of ['ada', 'bob']) await stand.ask('POST', '/callers', { name })
    const [owner, ada] = [eventsOf(stand, 'spt_owner'), eventsOf(stand, 'spt_ada')]
    const first = [next(owner), next(ada)]
    await expect.poll(() => stand.events.listeners).toBe(2)
    const invoices = await Promise.all([1, 2].map(() => createInvoice(stand.payee, '10 sat')))
    await stand.ask('POST', '/payments', { invoice: invoices[0]!.request }, 'spt_bob')
    await stand.ask('POST', '/payments', { invoice: invoices[1]!.request }, 'spt_ada')
    const [byBob, byAda] = invoices.map(({ paymentHash }) => paymentHash)
    const payee = stand.payee.publicKey
    const paying = {
      event: 'paying',
      data: { paymentHash: byAda, amount: '10000', maxFee: '5000', payee, caller: 'ada' },
    }
    const paid = {
      event: 'payment',
      data: { paymentHash: byAda, amount: '10000', payee, caller: 'ada', status: 'settled', fee: '0' },
    }
    expect(await first[1]).toEqual(paying)
    expect(await next(ada)).toEqual(paid)
    expect(await first[0]).toMatchObject({ event: 'paying', data: { paymentHash: byBob, caller: 'bob' } })
    await next(owner)
    expect([await next(owner), await next(owner)]).toEqual([paying, paid])
    stand.events.tell({ event: 'spoofed\n\nevent: x', caller: 'ada', amount: 5n })
    expect(await next(ada)).toEqual({ event: 'spoofed  event: x', data: { caller: 'ada', amount: '5' } })
  })

  test('are told to so many listeners, and their places are free when they leave', async () => {
    const stand = await scriptedStand()
    for (const name of ['ada', 'bob']) await stand.ask('POST', '/callers', { name })
    const open = Array.from({ length: MAX_LISTENERS_OF_ONE }, () => eventsOf(stand, 'spt_ada'))
    for (const one of open) one.next().catch(() => {})
    await expect.poll(() => stand.events.listeners).toBe(MAX_LISTENERS_OF_ONE)
    expect((await stand.ask('GET', '/events', undefined, 'spt_ada')).status).toBe(429)
    eventsOf(stand, 'spt_bob')
      .next()
      .catch(() => {})
    await expect.poll(() => stand.events.listeners).toBe(MAX_LISTENERS_OF_ONE + 1)
    leaving[0]!.abort()
    await expect.poll(() => stand.events.listeners).toBe(MAX_LISTENERS_OF_ONE)
    eventsOf(stand, 'spt_ada')
      .next()
      .catch(() => {})
    await expect.poll(() => stand.events.listeners).toBe(MAX_LISTENERS_OF_ONE + 1)
  })

  test('that nobody reads are counted and not kept, and the end is the end', async () => {
    const events = new LocalEvents()
    const listening = new Listening(events)
    const caller = { name: 'ada', isOwner: false, limits: {} }
    const reader = listening.open(caller).body!.getReader()
    for (let n = 0; n < MAX_LAG + 100; n++) events.tell({ event: 'n', caller: 'ada', n })
    const read = async () => new TextDecoder().decode((await reader.read()).value)
    expect(await read()).toBe(': listening\n\n')
    let last = 0
    for (let n = 0; n < MAX_LAG - 1; n++) last = Number(/"n":(\d+)/.exec(await read())![1])
    events.tell({ event: 'n', caller: 'ada', n: -1 })
    expect(await read()).toBe(`event: missed\ndata: {"caller":"ada","count":${MAX_LAG + 100 - last - 1}}\n\n`)
    expect(await read()).toContain('"n":-1')
    for (let n = 0; n < 20; n++) {
      try {
        listening.open({ ...caller, name: `c${n}` })
      } catch {}
    }
    expect(listening.size).toBe(21)
    listening.close()
    expect([listening.size, events.listeners, (await reader.read()).done]).toEqual([0, 0, true])
    expect(MAX_LISTENERS).toBeGreaterThan(MAX_LISTENERS_OF_ONE)
  })

  test('reach the others when one listener cannot take them', () => {
    const events = new LocalEvents()
    const heard: unknown[] = []
    events.listen(() => {
      throw new Error('gone')
    })
    events.listen((event) => heard.push(event))
    for (const n of [1, 2]) events.tell({ event: 'x', caller: 'ada', n })
    expect([heard.length, events.listeners]).toEqual([2, 1])
  })
})
