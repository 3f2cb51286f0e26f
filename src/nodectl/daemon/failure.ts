import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'

/** Why an LND that ended did so, as far as a person can mend it. The first that fits. */
const REASONS: ReadonlyArray<readonly [RegExp, ErrorCode, string]> = [
  [/address already in use/i, 'port-taken', 'another program listens where it wants to'],
  [
    /invalid passphrase|error unlocking wallet with password/i,
    'wallet-password-wrong',
    'its password file does not open its wallet',
  ],
  [/no space left on device|database or disk is full|disk quota exceeded/i, 'disk-full', 'the disk is full'],
  [
    /read-only file system|readonly database|permission denied|operation not permitted/i,
    'storage-denied',
    'a file of it cannot be written',
  ],
  [
    /mismatched networks|genesis hash mismatch|wrong network/i,
    'network-mismatch',
    'its chain backend is on another network',
  ],
  [
    /unknown flag|unknown option|ini: unknown|invalid choice/i,
    'lnd-unsuitable',
    'it does not know a setting that Stream needs',
  ],
]
const LAST_LINES = 12

/**
 * What to throw when an LND has ended by itself.
 * @param said the last of what it wrote, its output and its log
 */
export function daemonFailure(name: string, said: string): StreamError {
  const lines = said
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
  const known = REASONS.find(([pattern]) => lines.some((line) => pattern.test(line)))
  const [, code, why] = known ?? [undefined, 'node-failed' as const, 'LND ended']
  // The last lines, and never a page of them: each is the daemon's own, and may be long.
  const last = lines.slice(-LAST_LINES).map((line) => line.slice(0, 300))
  return new StreamError(code, `node ${name}: ${why}; its last words:\n${last.join('\n')}`, { node: name })
}
