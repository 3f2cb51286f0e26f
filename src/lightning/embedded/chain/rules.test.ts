import { RawTx } from '@scure/btc-signer'
import { expect, it } from 'vitest'
import { sha256 } from './bytes.ts'
import { type Coin, type Refusal, refusalOf } from './rules.ts'
import { parseTransaction } from './transaction.ts'

const SCRIPT = Buffer.from('51', 'hex')
const TXID = '11'.repeat(32)
const witnessScriptHash = (script: Uint8Array) => Buffer.concat([Buffer.from('0020', 'hex'), sha256(script)])

interface Case {
  script?: Uint8Array
  witness?: Uint8Array[]
  vouts?: number[]
  height?: number
}

function verdict({ script = witnessScriptHash(SCRIPT), witness = [SCRIPT], vouts = [0], height = 100 }: Case) {
  const hasWitness = witness.length > 0
  const raw = RawTx.encode({
    version: 2,
    segwitFlag: hasWitness,
    inputs: vouts.map((index) => ({
      txid: Buffer.from(TXID, 'hex'),
      index,
      finalScriptSig: new Uint8Array(),
      sequence: 5,
    })),
    outputs: [{ amount: 1000n, script: SCRIPT }],
    witnesses: hasWitness ? vouts.map(() => witness) : undefined,
    lockTime: 0,
  })
  const coin: Coin = { amount: 1000n, script, height, coinbase: false, spender: undefined }
  return refusalOf(parseTransaction(raw), { height: 105, medianTimeS: 0, coin: () => coin })
}

it.each<[string, Case, Refusal | undefined]>([
  ['takes a script that matches its hash, without running it', {}, undefined],
  ['refuses another script', { witness: [Buffer.from('52', 'hex')] }, 'witness-invalid'],
  ['refuses no witness at all', { witness: [] }, 'witness-invalid'],
  ['refuses a key hash without its two items', { script: Buffer.alloc(22, 0).fill(20, 1, 2) }, 'witness-invalid'],
  [
    'refuses taproot, which it cannot check',
    { script: Buffer.from(`5120${'22'.repeat(32)}`, 'hex') },
    'script-unsupported',
  ],
  ['refuses a bare script', { script: SCRIPT }, 'script-unsupported'],
  ['refuses a coin named twice', { vouts: [0, 0] }, 'duplicate-input'],
  ['counts a relative lock from the coin’s block', { height: 101 }, 'relative-locktime'],
])('%s', (_, example, expected) => {
  expect(verdict(example)).toBe(expected)
})
