import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../../../src/errors/error.ts'
import { openAdmin } from '../../../src/nodectl/admin.ts'
import { callBtcd } from '../../../src/nodectl/chain/btcd.ts'
import { genesisOf } from '../../../src/nodectl/doctor/network.ts'
import { requireGenesisOf } from '../../../src/nodectl/networks/guard.ts'
import { NETWORK_NAMES } from '../../../src/nodectl/networks/networks.ts'
import { type Attempt, crossings } from '../attempt.ts'
import { startLone, takesCalls } from '../lone.ts'
import type { Chain, World } from '../world.ts'

const OWNERS = NETWORK_NAMES.map((network) => ({ network }))
/** For how long an LND is given to take up with a chain that is not its own. */
const PATIENCE_MS = 90_000

/** A chain backend of one network for an LND, and its wallet, of another. */
export function backends({ chains, dir, guard }: World): Attempt[] {
  return crossings(chains, OWNERS).flatMap(([chain, { network: owner }]) => [
    {
      mix: 'chain backend × wallet',
      by: 'guard' as const,
      network: chain.network,
      owner,
      attempt: () => firstBlock(chain, owner),
    },
    {
      mix: 'chain backend × wallet',
      by: 'LND' as const,
      network: chain.network,
      owner,
      attempt: async () => {
        const lone = await startLone(
          { network: owner, dir: join(dir, `${owner}-on-${chain.network}`), chain: chain.rpc },
          guard,
        )
        // It opens its wallet, asks for the chain, and ends; one that took calls would have taken the chain.
        const ended = lone.daemon.failed.catch(() => 'ended' as const)
        const late = new Promise<'late'>((resolve) => setTimeout(resolve, PATIENCE_MS, 'late').unref())
        const end = await Promise.race([
          ended,
          late,
          takesCalls(lone).then(
            () => 'taken' as const,
            () => 'ended' as const,
          ),
        ])
        await lone.daemon.stop()
        if (end === 'ended') throw new StreamError('node-failed', lastError(lone.output))
        if (end === 'late') throw new Error('it neither ended nor took calls')
      },
    },
  ])
}

async function firstBlock(chain: Chain, owner: (typeof OWNERS)[number]['network']): Promise<void> {
  const genesis = await callBtcd<string>(chain.rpc, 'getblockhash', 0)
  requireGenesisOf(genesis, `the btcd on ${chain.network}`, { what: 'the wallet', network: owner })
}

/** Why LND ended, in its own words. */
function lastError(output: string): string {
  const lines = readFileSync(output, 'utf8').split('\n')
  const line =
    lines.findLast((text) => /\[(?:ERR|CRT)\]|mismatch|unable to/i.test(text)) ?? lines.findLast(Boolean) ?? ''
  return line.replace(/^.*?\[(?:ERR|CRT)\] /, '')
}

/** For how long a light client is given to follow a chain that is not its own: its own it has in two seconds. */
const FOLLOW_MS = 8_000

/** A light client whose only Bitcoin node is on another network: it must never follow that chain. */
export function lightClients({ chains, dir, guard }: World): Attempt[] {
  return crossings(chains, chains).map(([chain, { network: owner }]) => ({
    mix: 'Bitcoin node × light client',
    by: 'LND' as const,
    network: chain.network,
    owner,
    attempt: async () => {
      const setup = { network: owner, dir: join(dir, `${owner}-asks-${chain.network}`), chain: chain.p2p }
      const lone = await startLone(setup, guard)
      await takesCalls(lone)
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
      const admin = await openAdmin(lone)
      const genesis = await genesisOf(admin)
      const height = await new Promise<number>((resolve, reject) =>
        admin.lnd.default.getInfo({}, (error: unknown, info: { block_height: number }) =>
          error ? reject(error) : resolve(info.block_height),
        ),
      )
      admin.close()
      await lone.daemon.stop()
      requireGenesisOf(genesis ?? '', 'the light client', { what: 'its wallet', network: owner })
      const said =
        readFileSync(lone.output, 'utf8')
          .split('\n')
          .findLast((line) => line.includes(chain.p2p)) ?? ''
      if (height === 0)
        throw new StreamError('node-behind', `it stays at block 0 of its own chain; ${said.replace(/^.*\] /, '')}`)
    },
  }))
}
