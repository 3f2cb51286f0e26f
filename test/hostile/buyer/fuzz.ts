import { encodeBase64url } from '../../../src/wire/encoding.ts'
import { type Attack, mustBe } from '../attack.ts'
import { inTurns, openShop, workSince } from '../shop.ts'
import { RawBuyer, randomHex } from '../speaker/buyer.ts'
import { nameOf, readBytes } from '../speaker/http.ts'

const SEED = 20_260_402
const TRIES = 1200

/** A small generator of repeatable randomness (mulberry32): a run that finds something can be made again. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const NASTY: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  'x',
  '0',
  '-1',
  '01',
  '1e3',
  '9'.repeat(19),
  '9'.repeat(400),
  '\u0000',
  '\ud800',
  'é'.repeat(300),
  [],
  [[]],
  {},
  { toString: 'x' },
  { __proto__: null, length: 3 },
  Array.from({ length: 17 }, () => '1000'),
  'a'.repeat(5000),
]

/** Replaces, removes, doubles or adds members of a JSON value, anywhere in it. */
function mutate(value: unknown, pick: (below: number) => number): unknown {
  if (typeof value !== 'object' || value === null || pick(4) === 0) return NASTY[pick(NASTY.length)]
  const entries = Object.entries(value)
  const at = pick(entries.length + 1)
  const entry = entries[at]
  if (!entry)
    return { ...value, [['__proto__', 'constructor', 'bid', 'paid', 'x'][pick(5)]!]: NASTY[pick(NASTY.length)] }
  const [name, inner] = entry
  if (pick(5) === 0) return Object.fromEntries(entries.filter((_, i) => i !== at))
  const changed = { ...(value as object), [name]: mutate(inner, pick) }
  return Array.isArray(value) ? Object.values(changed) : changed
}

/** Breaks the text itself: cut, with foreign characters, doubled, too long. */
function breakText(token: string, pick: (below: number) => number): string {
  const at = pick(token.length)
  const whole = `Payment ${token}`
  const ways = [
    () => `Payment ${token.slice(0, at)}`,
    () => `Payment ${token.slice(0, at)}${'~=%/+ ,"'[pick(8)]}${token.slice(at)}`,
    () => `${whole}, ${whole}`,
    () => `payment\t${token}`,
    () => `Payment ${token}${'A'.repeat(pick(9000))}`,
    () => `Payment ${encodeBase64url(crypto.getRandomValues(new Uint8Array(pick(200))))}`,
    () => `Payment ${encodeBase64url(Buffer.from('['.repeat(3000)))}`,
    () => `Basic ${token}`,
  ]
  return ways[pick(ways.length)]!()
}

/** Credentials of every kind, broken in every way: each is refused for what it is, and the seller works on. */
export const credentialFuzz: Attack = {
  name: 'credential-fuzz',
  side: 'buyer',
  what: `sends ${TRIES} credentials of all six actions with parts replaced, removed, doubled and cut (seed ${SEED})`,
  async run(stage) {
    const shop = await openShop(stage)
    const buyer = await new RawBuyer(stage.node, shop.url).agree([])
    const { challenge, proof } = buyer
    const stranger = { agreement: randomHex(16), secret: randomHex(32) }
    const payloads = [
      { action: 'accept', nonce: randomHex(16), invoices: ['1000'], bid: { amount: '1', per: '1' } },
      ...['use', 'watch', 'close'].map((action) => ({ action, ...stranger })),
      { action: 'invoices', ...stranger, amounts: ['1000'] },
      { action: 'return', ...stranger, invoice: 'lnbcrt1qqqq' },
      { action: 'use', ...proof, secret: stranger.secret },
    ]
    const pick = generator(SEED)
    const texts = Array.from({ length: TRIES }, () => {
      // A challenge that verifies would make some of these honest acceptances.
      const id = randomHex(16)
      const credential = { challenge: { ...challenge, id }, payload: payloads[pick(payloads.length)] }
      const broken = pick(3) === 0
      const json = broken ? credential : mutate(credential, pick)
      const token = encodeBase64url(Buffer.from(JSON.stringify(json) ?? ''))
      return broken ? breakText(token, pick) : `Payment ${token}`
    })
    const before = await stage.seller.calls.figures(shop.id)
    let failures = 0n
    let goods = 0n
    await inTurns(TRIES, 16, async (i) => {
      // A header that Node's client would not send is not sent by this one either.
      const authorization = texts[i]!
      const answer = await buyer.line.send(shop.url, { authorization })
      if (answer.status >= 500) failures++
      if (answer.status === 200) goods += BigInt((await readBytes(answer, 1 << 16, 500)).length)
      buyer.tally.add(answer.status === 200 ? '200' : await nameOf(answer))
    })
    const { nodeCalls, writes } = await workSince(stage, shop, before)
    const { errors } = await stage.seller.calls.figures(shop.id)
    mustBe((await buyer.ask()).intent === 'stream', 'the seller is gone')
    return {
      tries: TRIES,
      measure: 'bytes of goods and agreements',
      loss: goods,
      bound: 0n,
      also: [
        { measure: 'answers of 5xx', loss: failures + BigInt(errors.length), bound: 0n },
        { measure: 'node calls', loss: nodeCalls, bound: 0n },
        { measure: 'writes', loss: writes, bound: 0n },
      ],
      answers: buyer.tally.counts,
    }
  },
}
