import { redact } from '../errors/redact.ts'
import { recordOf } from './record.ts'
import type { Watched, WatchedEvent } from './watched.ts'

const MAX_VALUE = 1000

type Level = 'info' | 'warn' | 'error'

const LEVELS: Readonly<Partial<Record<WatchedEvent['type'], Level>>> = {
  error: 'error',
  'reload-failed': 'error',
  'return-failed': 'warn',
  'return-delayed': 'warn',
  'payout-failed': 'warn',
  'payout-delayed': 'warn',
  stray: 'warn',
  owed: 'warn',
}

/** Each says as little as the line of its request, which follows. */
const SILENT: ReadonlySet<WatchedEvent['type']> = new Set(['delivering', 'delivered'])

/** One event as one line of JSON, with its end; `undefined` for what is not logged. What may be a secret is left out. */
export function logLine(event: WatchedEvent): string | undefined {
  if (SILENT.has(event.type)) return undefined
  const { type, atMs, ...rest } = recordOf(event)
  const level = LEVELS[event.type] ?? (event.type === 'request' && event.status >= 500 ? 'error' : 'info')
  const known = typeof rest.paymentHash === 'string' ? [rest.paymentHash] : []
  const safe = Object.entries(rest).map(([name, value]) => [
    name,
    typeof value === 'string' ? redact(value, known).slice(0, MAX_VALUE) : value,
  ])
  return `${JSON.stringify({ time: new Date(atMs).toISOString(), level, event: type, ...Object.fromEntries(safe) })}\n`
}

/**
 * Writes every event as one line of JSON. Returns what ends that.
 * @example logTo(gateway, (line) => process.stderr.write(line))
 */
export const logTo = (gateway: Watched, write: (line: string) => void): (() => void) =>
  gateway.onEvent((event) => {
    const line = logLine(event)
    if (line !== undefined) write(line)
  })
