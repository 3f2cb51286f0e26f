import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hex } from '@scure/base'
import { p2wpkh, Transaction } from '@scure/btc-signer'
import { type BtcdRpc, blockHeight, callBtcd } from './btcd.ts'

const REGTEST = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef }
/** Owns everything that is mined here. No secret: the coins exist on one machine's private chain. */
const MINER = new Uint8Array(32).fill(7)
const miner = p2wpkh(secp256k1.getPublicKey(MINER, true), REGTEST)

/**
 * Blocks go to this address and not to a node's wallet: a wallet would have to follow hundreds of coins,
 * and btcd would have to be started a second time, once the wallet has an address.
 */
export const MINER_ADDRESS = miner.address!

export interface Payout {
  readonly address: string
  readonly sat: bigint
}

const FEE_SAT = 10_000n
/** From here on a block of a regtest chain brings half. */
const SUBSIDY_HALVES_AT = 150
/** The first block whose coinbase can be spent is a hundred deep. */
const MATURITY = 100

interface Coinbase {
  readonly txid: string
  readonly amount: bigint
}

/**
 * Sends the coinbase of an early block to the addresses; what is left goes back. The next block has it.
 * @throws Error if no coinbase is left that is large enough: the first 149 blocks of a regtest chain have 50 BTC each
 */
export async function payOut(rpc: BtcdRpc, payouts: readonly Payout[]): Promise<void> {
  const needed = payouts.reduce((sum, payout) => sum + payout.sat, FEE_SAT)
  const { txid, amount } = await unspentCoinbase(rpc, needed)
  const transaction = new Transaction()
  transaction.addInput({ txid, index: 0, witnessUtxo: { script: miner.script, amount } })
  for (const payout of payouts) transaction.addOutputAddress(payout.address, payout.sat, REGTEST)
  transaction.addOutputAddress(MINER_ADDRESS, amount - needed, REGTEST)
  transaction.sign(MINER)
  transaction.finalize()
  await callBtcd(rpc, 'sendrawtransaction', transaction.hex)
}

/** The first one that nothing has spent, in a block or on its way into one. */
async function unspentCoinbase(rpc: BtcdRpc, needed: bigint): Promise<Coinbase> {
  const last = Math.min((await blockHeight(rpc)) - MATURITY, SUBSIDY_HALVES_AT - 1)
  for (let height = 1; height <= last; height++) {
    const block = await callBtcd<{ tx: string[] }>(rpc, 'getblock', await callBtcd(rpc, 'getblockhash', height), 1)
    const txid = block.tx[0]!
    if (!(await callBtcd<object | null>(rpc, 'gettxout', txid, 0, true))) continue
    const raw = hex.decode(await callBtcd<string>(rpc, 'getrawtransaction', txid, 0))
    const coinbase = Transaction.fromRaw(raw, { allowUnknownInputs: true, allowUnknownOutputs: true })
    const amount = coinbase.getOutput(0).amount!
    if (amount > needed) return { txid, amount }
  }
  throw new Error(`no coinbase of the first ${Math.max(last, 0)} blocks is left to spend`)
}
