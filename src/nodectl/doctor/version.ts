import { isAtLeast, LEAST, writeVersion } from '../programs/version.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

/** @param version as LND says it: `0.21.0-beta commit=v0.21.0-beta` */
export function judgeVersion(version: string): Judgement {
  const match = /^v?(\d+)\.(\d+)/.exec(version)
  const short = version.split(' ')[0]!.slice(0, 40)
  if (!match)
    return warning(`LND says its version is "${short}"`, `Use a released LND, ${writeVersion(LEAST.lnd)} or newer.`)
  if (isAtLeast([Number(match[1]), Number(match[2]), 0], LEAST.lnd)) return ok(`LND ${short}`)
  return problem(
    'lnd-unsuitable',
    `LND ${short} is older than ${writeVersion(LEAST.lnd)}`,
    'Stop it, keep a copy of its directory, and start a newer LND on that directory: it takes its files over.',
  )
}
