import { openAdmin } from '../admin.ts'
import { endDaemon } from '../daemon/daemon.ts'
import { daemonFiles } from './files.ts'
import { lndOptionsOf, type ManagedNode } from './record.ts'

const ANSWER_MS = 10_000

/**
 * Stops a managed node: LND is asked, by SIGTERM where it does not answer, and killed only when neither has helped in time.
 * @returns how it ended; `absent` when it did not run
 * @throws StreamError `node-failed` (it does not end)
 * @example await nodeDown(readManaged(stateHome(), 'alice'))
 */
export const nodeDown = (node: ManagedNode): ReturnType<typeof endDaemon> =>
  endDaemon(daemonFiles(node), async () => {
    const { lnd, close } = await openAdmin(lndOptionsOf(node, 'admin'))
    try {
      // Of npm `lightning` only the connection: its method polls on until LND is gone, which is known here by its process.
      await new Promise<void>((resolve, reject) => {
        const deadline = Date.now() + ANSWER_MS
        lnd.default.stopDaemon({}, { deadline }, (error: unknown) => (error ? reject(error) : resolve()))
      })
    } finally {
      close()
    }
  })
