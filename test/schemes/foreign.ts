import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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

/** Whether a package of others is there: without it what it shows is not shown, and said to be skipped. */
export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** A module whose types are not asked for where it is not installed. */
export const load = async <T>(name: string): Promise<T> => (await import(name)) as T

/** Runs the command of `mppx`, and reads what it prints as JSON. */
export function mppxValidate(url: string): Promise<{ readonly code: number; readonly out: string }> {
  const main = fileURLToPath(new URL('./bin.js', import.meta.resolve('mppx')))
  const args = [main, 'validate', url, '--output-json']
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 60_000 }, (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout })
    })
  })
}
