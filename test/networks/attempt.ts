import { StreamError } from '../../src/errors/error.ts'
import type { Network } from '../../src/money/network.ts'

/** One thing of a network brought to an owner on another. */
export interface Attempt {
  /** What kind of mixture. */
  readonly mix: string
  /** Who is asked to refuse: Stream's guard, or LND with the guard out of the way. */
  readonly by: 'guard' | 'LND'
  readonly network: Network
  readonly owner: Network
  /** Goes through, or throws why not. */
  readonly attempt: () => Promise<unknown>
}

/** A row of the table. */
export interface Row {
  readonly mix: string
  readonly network: Network
  readonly owner: Network
  readonly refused: boolean
  readonly by: 'guard' | 'LND'
  /** Code of the error, one of docs/errors.md. */
  readonly code: string | undefined
  readonly words: string
}

export async function tryOut({ attempt, mix, by, network, owner }: Attempt): Promise<Row> {
  const row = { mix, network, owner, by }
  try {
    await attempt()
    return { ...row, refused: false, code: undefined, words: 'it went through' }
  } catch (error) {
    const code = error instanceof StreamError ? error.code : undefined
    const words = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, 200)
    // The guard has one word for it. LND has many, and what is no refusal of either is none.
    const refused = by === 'guard' ? code === 'network-mismatch' : code !== undefined && code !== 'internal'
    return { ...row, refused, code, words }
  }
}

/** Every pair of members that are not on one network. */
export const crossings = <T extends { readonly network: Network }, O extends { readonly network: Network }>(
  things: readonly T[],
  owners: readonly O[],
): Array<readonly [T, O]> =>
  things.flatMap((thing) =>
    owners.flatMap((owner) => (owner.network === thing.network ? [] : [[thing, owner] as const])),
  )
