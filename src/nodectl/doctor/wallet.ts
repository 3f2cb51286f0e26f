import { readFile } from 'node:fs/promises'
import { type GetWalletStatusResult, getWalletStatus, unauthenticatedLndGrpc } from 'lightning'
import { type LndOptions, localName } from '../../lightning/lnd/index.ts'
import { ask } from '../admin.ts'
import { type Judgement, ok, problem } from './finding.ts'

/** The wallet's state, which LND tells without a macaroon. */
export async function walletState({ cert, socket }: LndOptions): Promise<GetWalletStatusResult> {
  const { lnd } = unauthenticatedLndGrpc({ cert: (await readFile(cert)).toString('base64'), socket: localName(socket) })
  try {
    return await ask('asking for the state of the wallet', getWalletStatus({ lnd }))
  } finally {
    for (const client of Object.values(lnd) as { close(): void }[]) client.close()
  }
}

/** @param start what starts or unlocks it, as a command */
export function judgeWallet(state: GetWalletStatusResult, start: string): Judgement {
  if (state.is_absent) {
    return problem('node-locked', 'there is no wallet yet', 'Make one: `streampay node up`, or `lncli create`.')
  }
  if (state.is_locked) return problem('node-locked', 'the wallet is locked', `Unlock it: \`${start}\`.`)
  if (state.is_waiting || state.is_starting) {
    return problem('node-unreachable', 'LND is starting', 'Wait until it has opened its files; it may take minutes.')
  }
  return ok(state.is_ready ? 'the wallet is unlocked' : 'the wallet is unlocked; LND still follows its chain')
}
