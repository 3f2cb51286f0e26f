import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { parseConnection } from './connection.ts'
import { parseNwcSpec, readConnection } from './spec.ts'

const WALLET = 'ab'.repeat(32)
const SECRET = 'cd'.repeat(32)
const TEXT = `nostr+walletconnect://${WALLET}?relay=wss%3A%2F%2Frelay.example%2Fv1&secret=${SECRET}`
const folder = mkdtempSync(join(tmpdir(), 'streampay-nwc-'))
afterAll(() => rmSync(folder, { recursive: true }))

function refusal(action: () => unknown): StreamError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(StreamError)
    expect(error).toMatchObject({ code: 'node-spec-invalid' })
    for (const text of [(error as StreamError).message, (error as StreamError).stack])
      expect(text).not.toContain(SECRET)
    return error as StreamError
  }
  throw new Error('it was taken')
}

describe('parseNwcSpec', () => {
  it('takes the path of a file, from home too', () => {
    expect(parseNwcSpec('nwc:/a/b.nwc')).toBe('/a/b.nwc')
    expect(parseNwcSpec('nwc:~/b.nwc')).toBe(join(homedir(), 'b.nwc'))
  })

  it.each([TEXT, `nwc:${TEXT}`, `nwc:${TEXT.toUpperCase()}`, `nwc:${SECRET}`, `nwc:x?secret=${SECRET}`])(
    'refuses what was pasted: %#',
    (spec) => {
      expect(refusal(() => parseNwcSpec(spec)).message).toMatch(/path of the file/)
    },
  )

  it.each(['nwc', 'nwc:', 'lnd:/x'])('refuses %s', (spec) => void refusal(() => parseNwcSpec(spec)))
})

describe('parseConnection', () => {
  const parse = (text: string) => parseConnection(text, 'the file')

  it('reads keys and relays, in either of the two spellings', () => {
    const expected = { wallet: WALLET, secret: SECRET, relays: ['wss://relay.example/v1'] }
    expect(parse(TEXT)).toEqual(expected)
    expect(parse(TEXT.replace('nostr+walletconnect://', 'nostrwalletconnect:'))).toEqual(expected)
    expect(parse(TEXT.replace('?', '/?').replace(SECRET, SECRET.toUpperCase()))).toEqual(expected)
    expect(parse(`${TEXT}&relay=wss://two.example&relay=wss://two.example&lud16=me@x`).relays).toEqual([
      'wss://relay.example/v1',
      'wss://two.example/',
    ])
  })

  it('takes an unsealed relay on this machine alone', () => {
    const at = (relay: string) => TEXT.replace('wss%3A%2F%2Frelay.example%2Fv1', encodeURIComponent(relay))
    for (const relay of ['ws://127.0.0.1:7777/', 'ws://localhost:1/', 'ws://[::1]:1/']) {
      expect(parse(at(relay)).relays).toEqual([relay])
    }
    for (const relay of [
      'ws://relay.example',
      'ws://192.168.0.2',
      'ws://127.0.0.1.example',
      'http://127.0.0.1',
      'relay.example',
      'wss://me:pass@relay.example',
    ]) {
      refusal(() => parse(at(relay)))
    }
  })

  it.each([
    ['nothing', ''],
    ['no connection string', 'lnbc1'],
    ['no secret', TEXT.replace(/&secret.*/, '')],
    ['two secrets', `${TEXT}&secret=${SECRET}`],
    ['a short secret', TEXT.slice(0, -2)],
    ['a short key', TEXT.replace(WALLET, 'ab')],
    ['no relay', TEXT.replace(/relay=[^&]*&/, '')],
    ['five relays', TEXT + [1, 2, 3, 4].map((n) => `&relay=wss://r${n}.example`).join('')],
    ['two lines', `${TEXT}\n${TEXT}`],
  ])('refuses %s', (_, text) => void refusal(() => parse(text)))
})

describe('readConnection', () => {
  it('reads a file of its owner alone', () => {
    const file = join(folder, 'own.nwc')
    writeFileSync(file, `${TEXT}\n`, { mode: 0o600 })
    expect(readConnection(file).wallet).toBe(WALLET)
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(file, mode)
      expect(refusal(() => readConnection(file)).message).toContain('chmod 600')
    }
  })

  it('says what is the matter, and nothing of what is in it', () => {
    const file = join(folder, 'odd.nwc')
    writeFileSync(file, `${TEXT}&secret=${SECRET}`, { mode: 0o600 })
    refusal(() => readConnection(file))
    writeFileSync(file, 'x'.repeat(10_000))
    refusal(() => readConnection(file))
    refusal(() => readConnection(join(folder, 'none')))
    refusal(() => readConnection(folder))
  })
})
