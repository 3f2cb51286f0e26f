import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { headerTimeS, mineBlock } from './block.ts'
import { sha256 } from './bytes.ts'
import { Chain } from './chain.ts'
import { parseTransaction } from './transaction.ts'

let directory: string
let chain: Chain
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampay-chain-'))
  chain = Chain.open(join(directory, 'chain.db'))
})
afterAll(() => {
  chain.close()
  rmSync(directory, { recursive: true, force: true })
})

const KEY = sha256(Buffer.from('a wallet'))
const SCRIPT = p2wpkh(secp256k1.getPublicKey(KEY, true), TEST_NETWORK).script
const COIN_SAT = 10_000n

/** A transaction that the chain would take. */
function validTransaction(): Uint8Array {
  const funding = chain.publish(chain.fund(SCRIPT, COIN_SAT)!) as { txid: string }
  const transaction = new Transaction()
  transaction.addInput({ txid: funding.txid, index: 0, witnessUtxo: { script: SCRIPT, amount: COIN_SAT } })
  transaction.addOutput({ script: SCRIPT, amount: COIN_SAT - 500n })
  transaction.sign(KEY)
  transaction.finalize()
  return transaction.extract()
}

const bitOf = (bytes: Uint8Array) => fc.nat(bytes.length * 8 - 1)
const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}

it('refuses a transaction with any bit changed, and never throws', () => {
  const raw = validTransaction()
  fc.assert(
    fc.property(bitOf(raw), (bit) => {
      expect(chain.submit(flip(raw, bit))).toHaveProperty('refused')
    }),
    { numRuns: 800 },
  )
  expect(chain.submit(raw)).toHaveProperty('txid')
})

it('refuses bytes that are no transaction, and never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(chain.submit(bytes)).toHaveProperty('refused')
      expect(chain.accept(bytes)).toHaveProperty('refused')
    }),
    { numRuns: 2_000 },
  )
})

it('refuses a block with any bit changed outside of its nonce, and never throws', () => {
  const transaction = parseTransaction(validTransaction())
  const raw = mineBlock(chain.tip, headerTimeS(chain.tip.raw) + 1, SCRIPT, [transaction])
  const { height } = chain.tip
  fc.assert(
    fc.property(bitOf(raw), (bit) => {
      // The version and the nonce may differ and the time may be later: such a header is another valid one, if its hash is.
      fc.pre(bit >= 80 * 8 || (bit >= 4 * 8 && bit < 68 * 8))
      expect(chain.accept(flip(raw, bit))).toHaveProperty('refused')
      expect(chain.tip.height).toBe(height)
    }),
    { numRuns: 800 },
  )
  expect(chain.accept(raw)).toEqual({ height: height + 1 })
})

it('makes no money, whatever is paid to whom', () => {
  const wallet: { txid: string; vout: number; amount: bigint }[] = []
  const submit = (raw: Uint8Array) => {
    const { txid, outputs } = parseTransaction(raw)
    expect(chain.submit(raw)).toEqual({ txid })
    wallet.push(...outputs.map(({ amount }, vout) => ({ txid, vout, amount })))
  }
  const command = fc.record({
    pick: fc.nat(),
    split: fc.double({ min: 0.01, max: 0.98, noNaN: true }),
    mine: fc.boolean(),
  })
  const [funding] = [chain.fund(SCRIPT, 1_000_000n)!]
  const first = parseTransaction(funding)
  chain.publish(funding)
  wallet.push({ txid: first.txid, vout: 0, amount: 1_000_000n })
  fc.assert(
    fc.property(command, ({ pick, split, mine }) => {
      fc.pre(wallet[pick % wallet.length]!.amount > 100n)
      const [coin] = wallet.splice(pick % wallet.length, 1)
      const part = BigInt(Math.floor(Number(coin!.amount) * split))
      const transaction = new Transaction()
      transaction.addInput({
        txid: coin!.txid,
        index: coin!.vout,
        witnessUtxo: { script: SCRIPT, amount: coin!.amount },
      })
      transaction.addOutput({ script: SCRIPT, amount: part })
      transaction.addOutput({ script: SCRIPT, amount: coin!.amount - part })
      transaction.sign(KEY)
      transaction.finalize()
      const raw = transaction.extract()
      submit(raw)
      if (mine) chain.mine()
      expect(wallet.reduce((sum, { amount }) => sum + amount, 0n)).toBe(1_000_000n)
      // What was spent is gone, whether its spender waits or is mined.
      const again = new Transaction()
      again.addInput({ txid: coin!.txid, index: coin!.vout, witnessUtxo: { script: SCRIPT, amount: coin!.amount } })
      again.addOutput({ script: SCRIPT, amount: 1n })
      again.sign(KEY)
      again.finalize()
      expect(chain.submit(again.extract())).toHaveProperty('refused')
    }),
    { numRuns: 60 },
  )
})
