import { AbstractRelay } from 'nostr-tools/abstract-relay'
import * as nip04 from 'nostr-tools/nip04'
import * as nip44 from 'nostr-tools/nip44'
import { finalizeEvent, getPublicKey, verifyEvent } from 'nostr-tools/pure'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NwcLink } from '../../src/browser/wallets/nwcLink.ts'
import { refusalOf } from '../../src/browser/wallets/refusal.ts'
import { RelayProcess } from '../nwc/relay.ts'
import { rejection } from '../trade/market.ts'

const hex = (byte: number) => byte.toString(16).padStart(2, '0').repeat(32)
const OWN = hex(5)
const page = getPublicKey(new Uint8Array(32).fill(5))
const TIMEOUT_MS = 30_000

let relay: RelayProcess
const ends: (() => void)[] = []
beforeAll(async () => {
  relay = await RelayProcess.start()
})
afterAll(async () => {
  for (const end of ends) end()
  await relay.kill()
})

/** A wallet's service at the relay: says hello, refuses to pay, answers one thing with junk, and is silent on the rest. */
async function wallet(secret: number, encryption: 'nip04' | 'nip44_v2' | 'none'): Promise<string> {
  const key = new Uint8Array(32).fill(secret)
  const talk = nip44.getConversationKey(key, page)
  const isNew = encryption === 'nip44_v2'
  const open = (text: string) => (isNew ? nip44.decrypt(text, talk) : nip04.decrypt(key, page, text))
  const seal = (text: string) => (isNew ? nip44.encrypt(text, talk) : nip04.encrypt(key, page, text))
  const service = new AbstractRelay(relay.url, { verifyEvent })
  ends.push(() => service.close())
  await service.connect()
  const publish = (kind: number, content: string, tags: string[][]) =>
    service.publish(finalizeEvent({ kind, content, tags, created_at: Math.floor(Date.now() / 1000) }, key))
  await publish(13194, 'get_info pay_invoice', [['encryption', encryption]])
  const answers: Readonly<Record<string, string>> = {
    get_info: JSON.stringify({ result: { network: 'regtest' } }),
    pay_invoice: JSON.stringify({ error: { code: 'INSUFFICIENT_BALANCE', message: 'too little' } }),
    junk: 'no JSON',
  }
  service.subscribe([{ kinds: [23194], '#p': [getPublicKey(key)] }], {
    onevent: ({ id, content }) => {
      const answer = answers[JSON.parse(open(content)).method]
      if (answer)
        publish(23195, seal(answer), [
          ['p', page],
          ['e', id],
        ]).catch(() => {})
    },
  })
  return getPublicKey(key)
}

function linkTo(key: string): NwcLink {
  const link = new NwcLink({ wallet: key, secret: OWN, relays: [relay.url] })
  ends.push(() => link.close())
  return link
}

test.each(['nip44_v2', 'nip04'] as const)(
  'asks a wallet that speaks %s, and takes its answer and its refusal',
  async (encryption) => {
    const link = linkTo(await wallet(encryption === 'nip04' ? 7 : 8, encryption))
    expect(await link.request('get_info', {}, TIMEOUT_MS)).toEqual({ network: 'regtest' })
    const refused = await rejection(link.request('pay_invoice', {}, TIMEOUT_MS))
    expect(refusalOf(refused)).toMatchObject({ status: 'failed', reason: 'balance-insufficient' })
    // Whatever else goes wrong, nobody knows whether it was paid.
    expect(refusalOf(await rejection(link.request('junk', {}, TIMEOUT_MS))).status).toBe('unknown')
  },
)

test('a wallet that speaks nothing known is not asked', async () => {
  const link = linkTo(await wallet(9, 'none'))
  expect(await rejection(link.request('get_info', {}, TIMEOUT_MS))).toMatchObject({
    message: expect.stringContaining('neither'),
  })
})

test('a relay that is gone leaves the outcome open, and is asked again when it is back', async () => {
  const link = linkTo(await wallet(10, 'nip44_v2'))
  await link.request('get_info', {}, TIMEOUT_MS)
  const open = rejection(link.request('nothing', {}, TIMEOUT_MS))
  await relay.kill()
  expect(refusalOf(await open).status).toBe('unknown')
  expect(refusalOf(await rejection(link.request('get_info', {}, TIMEOUT_MS))).status).toBe('unknown')
  await relay.up()
  // The wallet comes back as well.
  await wallet(10, 'nip44_v2')
  await expect
    .poll(() => link.request('get_info', {}, 1000).catch(() => undefined), { timeout: 15_000 })
    .toEqual({ network: 'regtest' })
}, 60_000)
