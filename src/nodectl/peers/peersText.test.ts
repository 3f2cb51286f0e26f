import { describe, expect, it } from 'vitest'
import { connectError, forgetError, parsePeer, wordsOf } from './peersText.ts'

const KEY = `02${'ab'.repeat(32)}`

describe('parsePeer', () => {
  it.each([
    [KEY, { publicKey: KEY }],
    [KEY.toUpperCase(), { publicKey: KEY }],
    [`${KEY}@127.0.0.1:9735`, { publicKey: KEY, address: '127.0.0.1:9735' }],
    [`${KEY}@node.example.com`, { publicKey: KEY, address: 'node.example.com:9735' }],
    [`${KEY}@[2001:db8::1]:19735`, { publicKey: KEY, address: '[2001:db8::1]:19735' }],
    [` ${KEY}@abcdef.onion:9735 `, { publicKey: KEY, address: 'abcdef.onion:9735' }],
  ])('reads %s', (text, peer) => expect(parsePeer(text)).toEqual(peer))

  it.each([
    '',
    'bob',
    '127.0.0.1:9735',
    `04${'ab'.repeat(32)}`,
    `${KEY}@`,
    `${KEY}@host:0`,
    `${KEY}@host:70000`,
    `${KEY}@a@b:1`,
    `${KEY}@a b:1`,
    KEY.slice(1),
  ])('refuses "%s"', (text) => expect(() => parsePeer(text)).toThrow(expect.objectContaining({ code: 'peer-invalid' })))
})

/** As npm `lightning` rejects, with words that LND 0.21 was seen to say. */
const rejected = (details: string) => [
  503,
  'UnexpectedErrorAddingPeer',
  { err: Object.assign(new Error(`2 UNKNOWN: ${details}`), { code: 2, details }) },
]

it.each([
  ['dial tcp 127.0.0.1:1: connect: connection refused', 'peer-unreachable', /nothing listens there/],
  ['lookup nowhere.invalid: no such host', 'peer-unreachable', /no such host/],
  ['dial tcp 192.0.2.1:9735: i/o timeout', 'peer-unreachable', /no answer/],
  ['EOF', 'peer-unreachable', /another key, or is no Lightning node/],
  ['cannot make connection to self', 'peer-invalid', /node itself/],
  ['invalid public key: x coordinate is not on the secp256k1 curve', 'peer-invalid', /no public key/],
  ['permission denied', 'node-denied', /macaroon/],
])('a connection that fails with "%s" is %s', (details, code, message) => {
  const error = connectError(rejected(details), { publicKey: KEY, address: 'host:9735' })
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
})

it('a peer with channels is not forgotten', () => {
  expect(forgetError(rejected(`cannot disconnect from peer(${KEY}), still has 2 active channels`))).toMatchObject({
    code: 'peer-busy',
    message: 'this peer has 2 channels with this node',
  })
  expect(forgetError([503, 'UnexpectedErrorRemovingPeer', {}])).toMatchObject({ code: 'node-failed' })
})

it('finds the words in whatever the library rejects with', () => {
  expect(wordsOf([503, 'FailedToOpenChannel', { err: 'words' }])).toBe('words')
  expect(wordsOf([503, 'PeerIsNotOnline'])).toBe('PeerIsNotOnline')
  expect(wordsOf(new Error('x'))).toBe('x')
  expect(wordsOf(undefined)).toBe('undefined')
})
