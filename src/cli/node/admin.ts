import { EXIT } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'
import { type Msat, parseMsat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import type { Admin } from '../../nodectl/admin.ts'
import { NETWORKS } from '../../nodectl/networks/networks.ts'
import { readDuration } from '../options.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { adminOptions } from './spec.ts'

export interface AdminOptions {
  readonly node?: string
  readonly json?: boolean
}

/**
 * Runs a command on the LND that `--node` names, and ends the process with its exit code.
 * @param prepare reads the other options, before a node is asked anything
 */
export async function withAdmin<T>(
  options: AdminOptions,
  prepare: () => T,
  work: (admin: Admin, output: Output, prepared: T) => Promise<number>,
): Promise<never> {
  const output = createOutput(options.json === true)
  const run = async (): Promise<number> => {
    const prepared = prepare()
    const { openAdmin } = await import('../../nodectl/admin.ts')
    const admin = await openAdmin(adminOptions(options.node))
    return work(admin, output, prepared).finally(() => {
      output.live([])
      admin.close()
    })
  }
  process.exit(await run().catch((error) => reportError(error, output)))
}

/** How a network is called where somebody may take it for another. */
export function networkInWords(network: Network): string {
  const { real, private: own } = NETWORKS[network]
  if (real) return `${network}: real money`
  return own ? `${network}: a private chain, its coins are worth nothing` : `${network}: coins for tests, worth nothing`
}

/** Milliseconds of `--wait`; 0 for `--no-wait`. */
export const readWait = (wait: string | false): number => (wait === false ? 0 : readDuration(wait))

/**
 * An amount of a channel. Commas between groups are taken too: as a decimal comma they would name less than any channel has.
 * @throws StreamError `amount-invalid`, `amount-out-of-range`
 */
export const readChannelAmount = (text: string): Msat =>
  parseMsat(/^\d{1,3}(?:,\d{3})+ ?(?:sats?)$/i.test(text.trim()) ? text.replaceAll(',', '_') : text)

/** The end of a wait: by Ctrl-C, or because its time is over. @throws StreamError `wait-over` */
export function endOfWait(signal: AbortSignal, waitMs: number, what: string, output: Output): number {
  if (signal.aborted) {
    output.say(`left: ${what}`)
    return EXIT.interrupted
  }
  if (waitMs === 0) return EXIT.ok
  throw new StreamError('wait-over', what)
}
