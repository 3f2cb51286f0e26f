import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'
import { type CheckName, WHY } from './checks.ts'

export type Status = 'ok' | 'warning' | 'problem' | 'skipped'

/** What a check thinks of what it found. A problem has the code of the error that a command would end with. */
export type Judgement =
  | { readonly status: 'ok' | 'skipped'; readonly found: string; readonly todo?: string }
  | { readonly status: 'warning'; readonly found: string; readonly todo: string }
  | { readonly status: 'problem'; readonly found: string; readonly todo: string; readonly code: ErrorCode }

/** One line of a doctor's report. */
export type Finding = Judgement & {
  readonly check: CheckName
  /** Why it matters. */
  readonly why: string
}

export const ok = (found: string): Judgement => ({ status: 'ok', found })
export const warning = (found: string, todo: string): Judgement => ({ status: 'warning', found, todo })
export const problem = (code: ErrorCode, found: string, todo: string): Judgement => ({
  status: 'problem',
  code,
  found,
  todo,
})
export const skipped = (found: string, todo?: string): Judgement => ({
  status: 'skipped',
  found,
  ...(todo !== undefined && { todo }),
})

export const findingOf = (check: CheckName, judgement: Judgement): Finding => ({
  check,
  ...judgement,
  why: WHY[check],
})

/**
 * A question that failed. A node that answers and refuses one question is not ill: the macaroon at hand does not reach that far,
 * and the check is left out.
 */
export function judgeFailure(error: unknown): Judgement {
  if (!(error instanceof StreamError)) {
    const text = error instanceof Error ? error.message : String(error)
    return problem('internal', text, 'Report it: the doctor itself stumbled.')
  }
  if (error.code === 'node-denied') {
    return skipped(
      'the macaroon at hand may not ask for this',
      "Name the node by its directory, --node lnd:DIR, to have it looked at with LND's admin.macaroon.",
    )
  }
  return problem(error.code, error.message, error.hint)
}
