import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Only ends what would hang. */
const PATIENCE_MS = 180_000

/** Runs a client, with a proxy in its environment if one is named. */
export async function client(command: string, args: readonly string[], through?: string): Promise<string> {
  const { HTTP_PROXY: _, http_proxy: __, NO_PROXY: ___, no_proxy: ____, ...env } = process.env
  const named = through === undefined ? {} : { HTTP_PROXY: through, http_proxy: through }
  const { stdout } = await promisify(execFile)(command, [...args], {
    env: { ...env, ...named, NO_PROXY: '', no_proxy: '' },
    maxBuffer: 1 << 26,
    timeout: PATIENCE_MS,
  })
  return stdout
}
