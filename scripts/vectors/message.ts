import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { signMessageWith, verifyMessage } from '../../src/wire/message.ts'
import { nodeKey } from '../../src/wire/testing/fixtures.ts'
import type { Vectors } from './row.ts'

const SIGNED: ReadonlyArray<readonly [string, string]> = [
  ['01'.padStart(64, '0'), 'test message'],
  [bytesToHex(nodeKey), ''],
  [bytesToHex(nodeKey), 'Stream: “é” 😀'],
]
/** Signatures people made with their LND and c-lightning nodes, as they travel through the test suites of several nodes. */
const BY_NODES: ReadonlyArray<readonly [string, string]> = [
  [
    'is this compatible?',
    'rbgfioj114mh48d8egqx8o9qxqw4fmhe8jbeeabdioxnjk8z3t1ma1hu1fiswpakgucwwzwo6ofycffbsqusqdimugbh41n1g698hr9t',
  ],
  ['hi', 'rnrphcjswusbacjnmmmrynh9pqip7sy5cx695h6mfu64iac6qmcmsd8xnsyczwmpqp9shqkth3h4jmkgyqu5z47jfn1q7gpxtaqpx4xg'],
  ['hi', 'ry8bbsopmduhxy3dr5d9ekfeabdpimfx95kagdem7914wtca79jwamtbw4rxh69hg7n6x9ty8cqk33knbxaqftgxsfsaeprxkn1k48p3'],
]
const good = signMessageWith(nodeKey, 'x')

export const message = (): Vectors => ({
  about:
    "A node's signmessage: zbase32 of 31 + recovery id, r, s, over the double SHA-256 of `Lightning Signed Message:` + text. Nonces are those of RFC 6979.",
  signed: SIGNED.map(([privateKey, text]) => {
    const signature = signMessageWith(hexToBytes(privateKey), text)
    return { privateKey, text, signature, publicKey: verifyMessage(text, signature) }
  }),
  byNodes: BY_NODES.map(([text, signature]) => ({ text, signature, publicKey: verifyMessage(text, signature) })),
  unreadable: ['', good.slice(1), `${good}y`, good.toUpperCase(), `${good.slice(0, -1)}l`, 'y'.repeat(104)].map(
    (signature) => ({ text: 'x', signature, publicKey: verifyMessage('x', signature) ?? null }),
  ),
})
