import { type Admin, ask } from '../admin.ts'
import { chainHeight, labStep, mineBlocks } from '../chain/chain.ts'
import { payOut } from '../chain/coins.ts'
import { type Lab, labUntil } from './wait.ts'

const COINS_SAT = 1_000_000_000
/** Enough for the lab's channel and another one. A wallet with less gets coins again: they cost nothing. */
const LEAST_SAT = 100_000_000

/** Whether a wallet gets coins. @param sat confirmed and on their way into it */
export const needsCoins = (sat: number): boolean => sat < LEAST_SAT

/**
 * Sees to it that both nodes are in step with the chain, and that both wallets have coins.
 * @throws StreamError `lab-failed`, `node-…`
 */
export async function haveCoins(lab: Lab, admins: readonly Admin[]): Promise<void> {
  // It takes in what an earlier command has sent and not mined; and LND calls itself synced only after a block that is fresh.
  await mineBlocks(lab.chain, 1)
  await inStep(lab, admins)
  const poor = await keepPoor(admins)
  if (poor.length === 0) return
  const payouts = await Promise.all(
    poor.map(async (admin) => ({ address: await newAddress(admin), sat: BigInt(COINS_SAT) })),
  )
  await labStep('the coins', payOut(lab.chain.rpc, payouts))
  await mineBlocks(lab.chain, 1)
  await labUntil(lab, 'both wallets have coins', async () => (await keepPoor(poor)).length === 0)
  await inStep(lab, admins)
}

async function keepPoor(admins: readonly Admin[]): Promise<Admin[]> {
  const { getChainBalance } = await import('lightning')
  const balances = await Promise.all(
    admins.map(async ({ lnd }) => (await ask('asking for a balance', getChainBalance({ lnd }))).chain_balance),
  )
  return admins.filter((_, i) => needsCoins(balances[i]!))
}

async function newAddress({ lnd }: Admin): Promise<string> {
  const { createChainAddress } = await import('lightning')
  return (await ask('making an address', createChainAddress({ lnd, format: 'p2wpkh' }))).address
}

/** Waits until every node has the last block, and calls itself synced. */
async function inStep(lab: Lab, admins: readonly Admin[]): Promise<void> {
  const { getWalletInfo } = await import('lightning')
  const height = await chainHeight(lab.chain)
  await labUntil(lab, `both nodes are at block ${height}`, async () => {
    const infos = await Promise.all(admins.map(({ lnd }) => getWalletInfo({ lnd })))
    return infos.every((info) => info.is_synced_to_chain && info.current_block_height >= height)
  })
}
