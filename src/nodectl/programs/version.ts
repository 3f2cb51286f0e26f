/** The first three numbers of a version: `0.21.0-beta` is `[0, 21, 0]`. */
export type Version = readonly [number, number, number]

/**
 * The oldest programs that will do. LND's configuration names its log files as `config.ts` does from 0.19 on; btcd knows taproot on
 * regtest, which LND's wallet uses, from 0.23 on.
 */
export const LEAST = { lnd: [0, 19, 0], btcd: [0, 23, 0] } as const satisfies Record<string, Version>

/** What `lnd --version` or `btcd --version` says; `undefined` if it is neither. */
export function readVersion(program: string, said: string): Version | undefined {
  const match = new RegExp(`^${program} version v?(\\d{1,4})\\.(\\d{1,4})(?:\\.(\\d{1,4}))?`).exec(said.trim())
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}

/** @example isAtLeast([0, 21, 0], [0, 18, 4]) // true */
export function isAtLeast(version: Version, least: Version): boolean {
  const at = version.findIndex((part, i) => part !== least[i])
  return at < 0 || version[at]! > least[at]!
}

export const writeVersion = (version: Version): string => version.join('.')
