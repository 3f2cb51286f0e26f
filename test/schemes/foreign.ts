import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { ROOT } from '../../scripts/run/child.ts'

/** Where `.ci/run` puts clients of others: what they bring with them is more than all that Stream needs. */
const OWN = join(resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache')), 'clients')
const fromOwn = createRequire(join(OWN, 'package.json'))

/** What of `@getalby/lightning-tools/402` is used. */
export interface LightningTools {
  fetch402(url: string, init: RequestInit, options: Fetch402): Promise<PaidResponse>
  fetchWithL402(url: string, init: RequestInit, options: Fetch402): Promise<PaidResponse>
  fetchWithMpp(url: string, init: RequestInit, options: Fetch402): Promise<PaidResponse>
}
interface Fetch402 {
  readonly wallet: { payInvoice(asked: { invoice: string }): Promise<{ preimage: string }> }
  readonly credentials?: { readonly header: string; readonly value: string }
}
export type PaidResponse = Response & {
  readonly payment?: {
    readonly paid: boolean
    readonly amountSat: number
    readonly credentials: { readonly header: string; readonly value: string }
  }
}

interface MppxChallenge {
  readonly id: string
  readonly method: string
  readonly intent: string
  readonly request: Readonly<Record<string, unknown>>
}
/** What of `mppx` is used. */
export interface Mppx {
  readonly Challenge: {
    fromResponseList(response: Response): MppxChallenge[]
    verify(challenge: MppxChallenge, options: { secretKey: string }): boolean
  }
  readonly Credential: {
    from(parts: { challenge: MppxChallenge; payload: unknown }): unknown
    serialize(credential: unknown): string
  }
  readonly Receipt: { fromResponse(response: Response): { readonly status: string; readonly reference: string } }
}

/** Why a package of others is not there; `undefined` where it is. */
export function missing(name: string): string | undefined {
  // Looked for there alone: an older one may lie further up, among what Stream itself needs.
  const isThere = existsSync(join(OWN, 'node_modules', name.startsWith('@') ? name.split('/', 2).join('/') : name))
  return isThere ? undefined : `${name} is not installed: .ci/run puts it into ${OWN}`
}

/** A module whose types are not asked for where it is not installed. */
export const load = <T>(name: string): T => fromOwn(name) as T

/** Runs the command of `mppx`, and reads what it prints as JSON. */
export function mppxValidate(url: string): Promise<{ readonly code: number; readonly out: string }> {
  const main = join(dirname(fromOwn.resolve('mppx')), 'bin.js')
  const args = [main, 'validate', url, '--output-json']
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 200_000 }, (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout })
    })
  })
}
