import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh, RawTx, SigHash, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasProofOfWork, headerTimeS, mineBlock } from './block.ts'
import { sha256, toHex } from './bytes.ts'
import { Chain } from './chain.ts'
import { MINER_SCRIPT } from './faucet.ts'
import { parseTransaction } from './transaction.ts'

let directory: string
let chain: Chain
const others: Chain[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streampay-chain-'))
  chain = Chain.open(join(directory, 'chain.db'))
})
afterEach(() => {
  for (const open of [chain, ...others.splice(0)]) open.close()
  rmSync(directory, { recursive: true, force: true })
})

/** The same chain as another process would have it. */
function openAgain(): Chain {
  const other = Chain.open(join(directory, 'chain.db'))
  others.push(other)
  return other
}

const KEY = sha256(Buffer.from('a wallet'))
const OTHER_KEY = sha256(Buffer.from('another wallet'))
const wallet = (key: Uint8Array) => p2wpkh(secp256k1.getPublicKey(key, true), TEST_NETWORK).script
const COIN_SAT = 50_000n

/** Pays a coin to the wallet and returns its outpoint. */
function receive(): { txid: string; index: number } {
  const submission = chain.publish(chain.fund(wallet(KEY), COIN_SAT)!)
  if ('refused' in submission) throw new Error(submission.refused)
  return { txid: submission.txid, index: 0 }
}

interface Spend {
  amount?: bigint
  sequence?: number
  lockTime?: number
  /** Whose coin the signature claims it is. */
  claimed?: bigint
  key?: Uint8Array
  sighash?: number
}

function spend(coin: { txid: string; index: number }, options: Spend = {}): Uint8Array {
  const {
    amount = COIN_SAT - 1000n,
    sequence = 0xfffffffd,
    lockTime = 0,
    claimed = COIN_SAT,
    key = KEY,
    sighash = 1,
  } = options
  const transaction = new Transaction({ lockTime })
  transaction.addInput({
    ...coin,
    sequence,
    sighashType: sighash,
    witnessUtxo: { script: wallet(key), amount: claimed },
  })
  transaction.addOutput({ script: wallet(OTHER_KEY), amount })
  transaction.sign(key, [sighash])
  transaction.finalize()
  return transaction.extract()
}

describe('the first blocks', () => {
  it('are mined once, lie in the past, and leave mature coins', () => {
    expect(chain.tip.height).toBe(110)
    expect(openAgain().tip.height).toBe(110)
    const times = [1, 2, 109, 110].map((height) => headerTimeS(chain.blockAt(height)!.raw))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(Math.abs(chain.tipTimeMs - Date.now())).toBeLessThan(5_000)
    for (const { raw } of chain.blocksAfter(0)) expect(hasProofOfWork(raw.subarray(0, 80))).toBe(true)
  })

  it('leave eleven coins to the faucet, and an exhausted faucet says so', () => {
    const fund = () => chain.fund(wallet(KEY), 4_000_000_000n)
    const coins = Array.from({ length: 11 }, () => parseTransaction(fund()!).inputs[0]!.txid)
    expect(new Set(coins).size).toBe(11)
    expect(fund()).toBeUndefined()
  })
})

describe('a transaction', () => {
  it('is mined as soon as it is published, and accepted again without a block', () => {
    const raw = spend(receive())
    const { height } = chain.tip
    expect(chain.publish(raw)).toEqual({ txid: parseTransaction(raw).txid })
    expect(chain.publish(raw)).toEqual({ txid: parseTransaction(raw).txid })
    expect(chain.tip.height).toBe(height + 1)
  })

  it('may spend what another of the same block made', () => {
    const first = chain.fund(wallet(KEY), COIN_SAT)!
    const child = spend({ txid: parseTransaction(first).txid, index: 0 })
    expect(chain.submit(child)).toEqual({ refused: 'coin-unknown' })
    chain.submit(first)
    expect(chain.submit(child)).toHaveProperty('txid')
    chain.mine()
    expect(chain.submit(spend({ txid: parseTransaction(child).txid, index: 0 }, { key: OTHER_KEY }))).not.toEqual({
      refused: 'coin-unknown',
    })
  })

  it('is refused when its coin is spent on the chain or in the mempool', () => {
    const coin = receive()
    chain.submit(spend(coin))
    expect(chain.submit(spend(coin, { amount: 2000n }))).toEqual({ refused: 'coin-spent' })
    chain.mine()
    expect(chain.submit(spend(coin, { amount: 2000n }))).toEqual({ refused: 'coin-unknown' })
  })

  it('is refused when it makes money', () => {
    // Signed with SIGHASH_NONE, so that the amount may be altered under a valid signature.
    const blank = RawTx.decode(spend(receive(), { sighash: SigHash.NONE }))
    const paying = (amount: bigint) => RawTx.encode({ ...blank, outputs: [{ script: wallet(OTHER_KEY), amount }] })
    expect(chain.submit(paying(COIN_SAT + 1n))).toEqual({ refused: 'overspend' })
    expect(chain.submit(paying(2_100_000_000_000_001n))).toEqual({ refused: 'malformed' })
    expect(chain.submit(paying(COIN_SAT))).toHaveProperty('txid')
  })

  it('is refused when a key signs that is not the coin’s, or signs something else', () => {
    expect(chain.submit(spend(receive(), { key: OTHER_KEY }))).toEqual({ refused: 'witness-invalid' })
    expect(chain.submit(spend(receive(), { claimed: COIN_SAT + 1n }))).toEqual({ refused: 'signature-invalid' })
    const forged = Buffer.from(spend(receive()))
    const outputAt = forged.indexOf(Buffer.from(wallet(OTHER_KEY)))
    forged[outputAt + 5]! ^= 1
    expect(chain.submit(forged)).toEqual({ refused: 'signature-invalid' })
  })

  it('waits for its lock time', () => {
    const coin = receive()
    const next = chain.tip.height + 1
    expect(chain.submit(spend(coin, { lockTime: next }))).toEqual({ refused: 'locktime' })
    expect(chain.submit(spend(coin, { lockTime: Math.floor(Date.now() / 1000) + 60 }))).toEqual({ refused: 'locktime' })
    expect(chain.submit(spend(coin, { lockTime: next - 1 }))).toHaveProperty('txid')
  })

  it('waits for its relative lock', () => {
    const coin = receive()
    const raw = spend(coin, { sequence: 3 })
    chain.mine(1)
    expect(chain.submit(raw)).toEqual({ refused: 'relative-locktime' })
    chain.mine(1)
    expect(chain.submit(raw)).toHaveProperty('txid')
    expect(chain.submit(spend(receive(), { sequence: 0x400001 }))).toEqual({ refused: 'relative-locktime' })
  })

  it('is refused when it is not one transaction', () => {
    const raw = spend(receive())
    expect(chain.submit(raw.subarray(0, -1))).toEqual({ refused: 'malformed' })
    expect(chain.submit(Buffer.concat([raw, Buffer.of(0)]))).toEqual({ refused: 'malformed' })
    expect(chain.submit(Buffer.alloc(0))).toEqual({ refused: 'malformed' })
  })

  it('cannot spend a reward before its hundredth block', () => {
    const young = chain.blockAt(12)!
    const old = chain.blockAt(11)!
    expect(chain.submit(spendReward(young.raw))).toEqual({ refused: 'coin-immature' })
    expect(chain.submit(spendReward(old.raw))).toHaveProperty('txid')
  })
})

/** The faucet's own key spends the reward of a block. */
function spendReward(raw: Uint8Array): Uint8Array {
  const coinbase = parseTransaction(raw.subarray(81))
  const key = sha256(Buffer.from('streampay private chain miner'))
  const transaction = new Transaction()
  transaction.addInput({
    txid: coinbase.txid,
    index: 0,
    witnessUtxo: { script: MINER_SCRIPT, amount: coinbase.outputs[0]!.amount },
  })
  transaction.addOutput({ script: wallet(KEY), amount: 1000n })
  transaction.sign(key)
  transaction.finalize()
  return transaction.extract()
}

describe('a block', () => {
  const nextTime = () => headerTimeS(chain.tip.raw) + 1
  const mined = (transactions: Uint8Array[] = [], previous = chain.tip) =>
    mineBlock(previous, nextTime(), wallet(KEY), transactions.map(parseTransaction))

  it('of someone else is accepted when it is valid', () => {
    const raw = spend(receive())
    expect(chain.accept(mined([raw]))).toEqual({ height: chain.tip.height })
    expect(chain.submit(raw)).toHaveProperty('txid')
  })

  it('is refused without proof of work, or with an easier target', () => {
    const lazy = mined()
    for (let nonce = 0; hasProofOfWork(lazy.subarray(0, 80)); nonce++) lazy.writeUInt32LE(nonce, 76)
    expect(chain.accept(lazy)).toEqual({ refused: 'proof of work' })
    const easy = mined()
    easy.writeUInt32LE(0x2100ffff, 72)
    expect(chain.accept(easy)).toEqual({ refused: 'proof of work' })
  })

  it('is refused when it does not build on the tip, or goes back in time', () => {
    const stale = chain.tip
    chain.mine()
    expect(chain.accept(mined([], stale))).toEqual({ refused: 'previous block' })
    const past = mineBlock(chain.tip, headerTimeS(chain.blockAt(50)!.raw), wallet(KEY), [])
    expect(chain.accept(past)).toEqual({ refused: 'time' })
  })

  it('is refused when its body is not what its header says, and nothing of it stays', () => {
    const coin = receive()
    const raw = mined([spend(coin)])
    const swapped = Buffer.concat([raw.subarray(0, 81), mined([spend(coin, { amount: 1234n })]).subarray(81)])
    expect(chain.accept(swapped)).toEqual({ refused: 'merkle root' })
    expect(chain.accept(raw.subarray(0, -3))).toEqual({ refused: 'malformed' })
    expect(chain.accept(raw.subarray(0, 80))).toEqual({ refused: 'malformed' })
    const { height } = chain.tip
    expect(chain.accept(mined([spend(coin), spend(coin, { amount: 1234n })]))).toEqual({ refused: 'coin-unknown' })
    expect(chain.tip.height).toBe(height)
    expect(chain.accept(raw)).toEqual({ height: height + 1 })
  })

  it('is refused when it repeats a transaction of the chain', () => {
    const raw = spend(receive())
    chain.publish(raw)
    expect(chain.accept(mined([raw]))).toEqual({ refused: 'coin-spent' })
  })

  it('cannot pay its miner more than the reward', () => {
    const greedy = mineBlock({ height: -1, hash: chain.tip.hash }, nextTime(), wallet(KEY), [])
    chain.mine(150)
    // After a halving the old reward is too much.
    const late = mineBlock({ height: 0, hash: chain.tip.hash }, nextTime(), wallet(KEY), [])
    expect(chain.accept(late)).toEqual({ refused: 'subsidy' })
    expect(chain.accept(greedy)).toEqual({ refused: 'previous block' })
  })
})

describe('two connections', () => {
  it('see each other’s blocks and transactions, and notice that there are some', () => {
    const other = openAgain()
    other.hasChanged()
    expect(other.hasChanged()).toBe(false)
    const coin = receive()
    expect(other.hasChanged()).toBe(true)
    expect(other.hasChanged()).toBe(false)
    expect(toHex(other.tip.hash)).toBe(toHex(chain.tip.hash))
    other.submit(spend(coin))
    expect(chain.submit(spend(coin, { amount: 1n }))).toEqual({ refused: 'coin-spent' })
  })

  it('never draw the same coin', () => {
    const other = openAgain()
    const coins = [chain, other, chain, other].map((from) => parseTransaction(from.fund(wallet(KEY), COIN_SAT)!))
    expect(new Set(coins.map(({ inputs }) => `${inputs[0]!.txid}:${inputs[0]!.vout}`)).size).toBe(4)
  })

  it('mine one heartbeat between them', () => {
    const other = openAgain()
    const { height } = chain.tip
    chain.heartbeat(60_000)
    expect(chain.tip.height).toBe(height)
    chain.heartbeat(-1)
    other.heartbeat(60_000)
    expect(other.tip.height).toBe(height + 1)
  })
})

it('refuses a file that is not a chain, and says whether it can be helped', () => {
  const garbage = join(directory, 'garbage.db')
  writeFileSync(garbage, 'no database\n'.repeat(1000))
  expect(() => Chain.open(garbage)).toThrow(expect.objectContaining({ code: 'node-corrupt' }))
  expect(() => Chain.open(join(directory, 'missing', 'chain.db'))).toThrow(
    expect.objectContaining({
      code: 'node-unreachable',
      message: expect.stringContaining('check that its folder exists'),
    }),
  )
})

it('keeps its pace when the clock of the machine is set forward and back', () => {
  const BEAT_MS = 45_000
  const DAY_MS = 86_400_000
  const own = Chain.open(join(directory, 'clock.db'))
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  /** Blocks that were mined while so much time passed, looked at every five seconds. */
  const pass = (ms: number): number => {
    const { height } = own.tip
    for (let passed = 0; passed < ms; passed += 5_000) {
      vi.advanceTimersByTime(5_000)
      own.heartbeat(BEAT_MS)
    }
    return own.tip.height - height
  }
  const jump = (ms: number) => vi.setSystemTime(Date.now() + ms)
  try {
    expect(pass(10 * BEAT_MS)).toBeGreaterThanOrEqual(9)
    jump(DAY_MS)
    expect(pass(5_000), 'the clock of LDK follows at once').toBe(1)
    expect(Math.abs(own.tipTimeMs - Date.now())).toBeLessThan(10_000)
    jump(-DAY_MS)
    const back = pass(10 * BEAT_MS)
    expect(back).toBeGreaterThanOrEqual(8)
    expect(back).toBeLessThanOrEqual(10)
    expect(Math.abs(own.tipTimeMs - Date.now()), 'a single block ahead is left behind').toBeLessThan(2 * BEAT_MS)

    // So long ahead that the median of eleven blocks is there too, and no block may be older than that.
    jump(DAY_MS)
    pass(10 * BEAT_MS)
    jump(-DAY_MS)
    const behind = pass(10 * BEAT_MS)
    expect(behind, 'it goes on, and no faster than before').toBeGreaterThanOrEqual(8)
    expect(behind).toBeLessThanOrEqual(10)
    const times = own.blocksAfter(own.tip.height - 11).map(({ raw }) => headerTimeS(raw))
    expect(Math.min(...times) * 1000).toBeGreaterThan(Date.now() + DAY_MS / 2)
  } finally {
    vi.useRealTimers()
    own.close()
  }
})
