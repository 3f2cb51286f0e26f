import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hex } from '@scure/base'
import { p2wpkh, Transaction } from '@scure/btc-signer'
import { type BtcdRpc, callBtcd } from './btcd.ts'

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

/** Sends the coinbase of a block, which must be a hundred blocks deep, to the addresses; what is left goes back. */
export async function payOut(rpc: BtcdRpc, height: number, payouts: readonly Payout[]): Promise<void> {
  const block = await callBtcd<{ tx: string[] }>(
    rpc,
    'getblock',
    await callBtcd<string>(rpc, 'getblockhash', height),
    1,
  )
  const txid = block.tx[0]!
  const coinbase = Transaction.fromRaw(hex.decode(await callBtcd<string>(rpc, 'getrawtransaction', txid, 0)), {
    allowUnknownInputs: true,
    allowUnknownOutputs: true,
  })
  const amount = coinbase.getOutput(0).amount!
  const change = amount - FEE_SAT - payouts.reduce((sum, payout) => sum + payout.sat, 0n)
  const transaction = new Transaction()
  transaction.addInput({ txid, index: 0, witnessUtxo: { script: miner.script, amount } })
  for (const payout of payouts) transaction.addOutputAddress(payout.address, payout.sat, REGTEST)
  transaction.addOutputAddress(MINER_ADDRESS, change, REGTEST)
  transaction.sign(MINER)
  transaction.finalize()
  await callBtcd(rpc, 'sendrawtransaction', transaction.hex)
}
