import { describe, expect, it } from 'vitest'
import { sat } from '../../money/msat.ts'
import { KEY, sampleChannel, samplePending } from '../testing/sample.ts'
import { GIVEN_UP_MS, type OpenSituation, planOpen } from './openPlan.ts'
import { noteOf, type OpenRecord } from './openRecord.ts'

const NOW = 1_000_000_000
const AMOUNT = sat(1_000_000)
const asked: OpenRecord = {
  id: '00'.repeat(8),
  node: `03${'ee'.repeat(32)}`,
  peer: KEY,
  amount: AMOUNT,
  askedAtMs: NOW - 1000,
  connection: { bytesSent: 300 },
}
const note = noteOf(asked)
const nothing: OpenSituation = {
  peer: KEY,
  amount: AMOUNT,
  another: false,
  record: undefined,
  list: { channels: [], pending: [] },
  connected: true,
  nowMs: NOW,
}
const opening = samplePending(1_000_000, 0)
const open = sampleChannel(1_000_000, 0)
const plan = (situation: Partial<OpenSituation>) => planOpen({ ...nothing, ...situation })
const pending = (...channels: (typeof opening)[]) => ({ channels: [], pending: channels })

describe('without a record', () => {
  it('asks', () => expect(plan({})).toEqual({ do: 'open' }))

  it('follows one to the same peer, of the same size, whoever began it', () =>
    expect(plan({ list: pending(opening) })).toEqual({ do: 'follow', channel: opening }))

  it('refuses while one of another size is opening, and opens it when told', () => {
    const list = pending(samplePending(500_000, 0))
    expect(plan({ list })).toMatchObject({ do: 'refuse' })
    expect(plan({ list, another: true })).toEqual({ do: 'open' })
  })

  it.each([
    ['open', { channels: [open], pending: [] }],
    ['closing', pending({ ...opening, state: 'closing' })],
    ["the peer's", pending({ ...opening, ours: false })],
    ["another peer's", pending({ ...opening, peer: `03${'00'.repeat(32)}` })],
  ])('does not take one for it that is %s', (_, list) => expect(plan({ list })).toEqual({ do: 'open' }))
})

describe('with the record of a run that was killed', () => {
  it('follows its channel, found by LND’s note', () => {
    const channel = { ...opening, note }
    expect(plan({ record: asked, list: pending({ ...opening, outpoint: 'x:1' }, channel) })).toEqual({
      do: 'follow',
      channel,
    })
  })

  it('says that it is open, and opens no second one unless told', () => {
    const channel = { ...open, note }
    const situation = { record: asked, list: { channels: [channel], pending: [] } }
    expect(plan(situation)).toEqual({ do: 'done', channel })
    expect(plan({ ...situation, another: true })).toEqual({ do: 'open', replaces: asked })
    expect(plan({ ...situation, amount: sat(2_000_000) })).toEqual({ do: 'open', replaces: asked })
  })

  it('waits as long as LND may be negotiating, whatever is wanted', () => {
    const rest = GIVEN_UP_MS - 1000
    expect(plan({ record: asked })).toEqual({ do: 'wait', forMs: rest })
    expect(plan({ record: asked, another: true })).toEqual({ do: 'wait', forMs: rest })
    // Another channel to the peer is not the one that was asked for.
    expect(plan({ record: asked, list: pending(opening) })).toEqual({ do: 'wait', forMs: rest })
    expect(plan({ record: asked, nowMs: asked.askedAtMs + GIVEN_UP_MS - 1 })).toEqual({ do: 'wait', forMs: 1 })
    expect(plan({ record: asked, nowMs: 0 })).toEqual({ do: 'wait', forMs: GIVEN_UP_MS })
  })

  it.each([
    ['LND’s own time for it is over', { nowMs: asked.askedAtMs + GIVEN_UP_MS }],
    ['the connection has ended, and its negotiations with it', { connected: false }],
    ['it was there once, and was closed since', { record: { ...asked, outpoint: 'ff:0' } }],
    ['it is closing', { list: pending({ ...opening, note, state: 'closing' }) }],
  ])('asks anew when %s', (_, situation) => {
    const record = asked
    expect(plan({ record, ...situation })).toMatchObject({ do: 'open', replaces: { id: asked.id } })
  })
})
