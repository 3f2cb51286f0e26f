import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a user's nodes, ledgers and journals are kept: `STREAMPAY_HOME`, or `streampay` among the user's data. */
export function stateHome(env: NodeJS.ProcessEnv = process.env): string {
  return env.STREAMPAY_HOME ?? join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'streampay')
}
