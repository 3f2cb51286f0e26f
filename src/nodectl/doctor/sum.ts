import { CODES, type ErrorCode, EXIT } from '../../errors/codes.ts'
import type { Finding, Status } from './finding.ts'

export interface Sum {
  /** Nothing is a problem; warnings are no reason to stop. */
  readonly ok: boolean
  readonly problems: number
  readonly warnings: number
  /** Checks that could not be made. */
  readonly skipped: number
  /** The first problem, which the others often follow from. */
  readonly code: ErrorCode | undefined
  /** Exit code of a command that found this. */
  readonly exit: number
}

export function sumUp(findings: readonly Finding[]): Sum {
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length
  const first = findings.find((finding) => finding.status === 'problem')
  const code = first?.status === 'problem' ? first.code : undefined
  return {
    ok: code === undefined,
    problems: count('problem'),
    warnings: count('warning'),
    skipped: count('skipped'),
    code,
    exit: EXIT[code ? CODES[code].exit : 'ok'],
  }
}
