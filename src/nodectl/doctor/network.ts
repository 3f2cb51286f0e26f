import { sha256 } from '@noble/hashes/sha2.js'
import { getBlockHeader } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { type Admin, ask } from '../admin.ts'
import { requireGenesisOf, requireSameNetwork } from '../networks/guard.ts'
import { type Judgement, ok, problem } from './finding.ts'

export interface NetworkFacts {
  /** What LND says. */
  readonly says: Network
  /** What its record, or its data's folder, says. */
  readonly expected: Network | undefined
  /** Hash of the first block of its chain; `undefined` where the macaroon may not ask. */
  readonly genesis: string | undefined
}

export async function networkFacts(admin: Admin, expected: Network | undefined): Promise<NetworkFacts> {
  return { says: admin.network, expected, genesis: await genesisOf(admin) }
}

/** The hash is made here, of the header: it is not anyone's word. */
export async function genesisOf({ lnd }: Pick<Admin, 'lnd'>): Promise<string | undefined> {
  try {
    const { header } = await ask('asking for the first block', getBlockHeader({ lnd, height: 0 }))
    return Buffer.from(sha256(sha256(Buffer.from(header, 'hex'))))
      .reverse()
      .toString('hex')
  } catch (error) {
    if (error instanceof StreamError && error.code === 'node-denied') return undefined
    throw error
  }
}

export function judgeNetwork({ says, expected, genesis }: NetworkFacts): Judgement {
  try {
    const owner = { what: 'this LND', network: says }
    if (expected) requireSameNetwork({ what: 'the record of this node', network: expected }, owner)
    if (genesis) requireGenesisOf(genesis, 'its chain', owner)
  } catch (error) {
    const { code, message } = error as StreamError
    return problem(
      code,
      message,
      'Stop it before money moves: a directory belongs to one network, and so does a chain backend.',
    )
  }
  const proof = genesis ? `, and its chain begins with that network's first block, ${genesis.slice(0, 16)}…` : ''
  return ok(`${says}${proof}${genesis ? '' : ' by its own word: this macaroon may not ask for the first block'}`)
}
