import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StreamError } from '../../../src/errors/error.ts'
import type { Network } from '../../../src/money/network.ts'
import { examineNode, subjectOf, sumUp } from '../../../src/nodectl/doctor/index.ts'
import { NETWORKS } from '../../../src/nodectl/networks/networks.ts'
import type { Attempt } from '../attempt.ts'
import { startLone, takesCalls } from '../lone.ts'
import type { Member, World } from '../world.ts'

/** What a light client knows of its chain, and the wallet that goes with it. */
const FILES = ['block_headers.bin', 'reg_filter_headers.bin', 'neutrino.db', 'wallet.db']
/** Every public network once as what is brought and once as what it is brought to, and one private chain. Each takes an LND. */
const PAIRS: ReadonlyArray<readonly [Network, Network]> = [
  ['mainnet', 'testnet'],
  ['testnet', 'signet'],
  ['signet', 'mainnet'],
  ['mainnet', 'regtest'],
]

/**
 * A folder of one network, headers and wallet, where LND looks for another's. LND 0.21 starts on it without a word, calls itself by its
 * configuration, and goes on from the other chain's first block: the guard has to see it.
 */
export function headers({ members, dir, guard }: World): Attempt[] {
  return PAIRS.map(([network, owner]) => ({
    mix: 'headers and wallet × light client',
    by: 'guard' as const,
    network,
    owner,
    attempt: async () => {
      const own = join(dir, `${owner}-over-${network}`)
      bring(members.find((member) => member.network === network)!, join(own, 'data', 'chain', 'bitcoin'), owner)
      const lone = await startLone({ network: owner, dir: own, chain: undefined }, guard)
      try {
        await takesCalls(lone)
        const { findings } = await examineNode(subjectOf(lone.spec, dir, undefined), { mayPay: async () => true })
        const found = findings.find(({ check }) => check === 'network')
        const { code } = sumUp(findings)
        if (code) throw new StreamError(code, found!.found)
      } finally {
        await lone.daemon.stop()
      }
    },
  }))
}

function bring({ options, network }: Member, to: string, owner: Network): void {
  const from = dirname(options.macaroon)
  const folder = join(to, NETWORKS[owner].lndName)
  mkdirSync(folder, { recursive: true })
  for (const name of FILES) {
    const file = join(from, name)
    if (!existsSync(file)) throw new Error(`the light client on ${network} has no ${name}`)
    cpSync(file, join(folder, name))
  }
}
