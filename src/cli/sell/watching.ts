import { createWriteStream } from 'node:fs'
import { StreamError } from '../../errors/error.ts'
import { type Admin, openAdmin } from '../../gateway/admin/server.ts'
import type { GatewayConfig } from '../../gateway/config/schema.ts'
import { publishTo } from '../../gateway/diagnostics.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import { logTo } from '../../gateway/log.ts'
import { readSecretFile } from '../../gateway/webhooks/signature.ts'
import { startWebhooks } from '../../gateway/webhooks/webhooks.ts'
import { cyan, dim } from '../output/colour.ts'
import type { Output } from '../output/output.ts'

export interface Watching {
  readonly gateway: Gateway
  readonly config: GatewayConfig
  /** Of the seller's state. */
  readonly home: string
  /** A file that gets a line of JSON for each event. */
  readonly log: string | undefined
}

/**
 * Begins all that looks on while a gateway sells: dashboard, webhooks, log, diagnostics channels. Returns what ends it.
 * @throws StreamError `ledger-failed`, `option-invalid`; the system's error, such as EADDRINUSE
 */
export async function startWatching(
  { gateway, config, home, log }: Watching,
  output: Output,
): Promise<() => Promise<void>> {
  const ends: Array<() => unknown> = [publishTo(gateway)]
  const trouble = ({ code, message, hint }: StreamError) => {
    output.event('trouble', { code, message, hint })
    output.say(`  trouble  ${message} ${dim(`(${code})`)}`)
  }
  const end = async () => {
    for (const each of ends.splice(0).reverse()) await each()
  }
  try {
    if (log !== undefined) ends.push(logToFile(gateway, log, trouble))
    if (config.webhooks.length > 0) {
      const webhooks = config.webhooks.map(({ url, secretFile, events }) => ({
        url,
        events,
        secret: readSecretFile(secretFile),
      }))
      const hooks = startWebhooks({ gateway, webhooks, home, onError: trouble })
      ends.push(() => hooks.close())
    }
    if (config.dashboard) {
      const admin = await openAdmin({ gateway, port: config.dashboard.port, home, onError: trouble })
      ends.push(() => admin.close())
      announceDashboard(admin, home, output)
    }
    return end
  } catch (error) {
    await end()
    throw error
  }
}

/** The link opens the dashboard: it is for the terminal, and no event, which may be kept. */
function announceDashboard({ url, link }: Admin, home: string, output: Output): void {
  output.event('dashboard', { url, tokenFile: `${home}/dashboard-token` })
  output.say(`  look on  ${cyan(link)}`)
}

function logToFile(gateway: Gateway, file: string, onError: (error: StreamError) => void): () => Promise<void> {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 })
  // A log that cannot be written stops no sale.
  stream.on('error', (error) => onError(logFailed(file, error)))
  const end = logTo(gateway, (line) => {
    if (!stream.destroyed) stream.write(line)
  })
  return () => {
    end()
    return new Promise((resolve) => (stream.destroyed ? resolve() : stream.end(() => resolve())))
  }
}

const logFailed = (file: string, error: Error): StreamError =>
  new StreamError('ledger-failed', `the log ${file} cannot be written: ${error.message}`, { path: file }, error)
