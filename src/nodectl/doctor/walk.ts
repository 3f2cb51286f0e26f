import { StreamError } from '../../errors/error.ts'
import { CHECKS, type CheckName } from './checks.ts'
import { type Finding, findingOf, type Judgement, judgeFailure, skipped } from './finding.ts'

/** No check takes longer: one that got no answer by then has found that out. */
export const LIMIT_MS = 15_000

/** Notes what each check finds, in order, and goes on after a failure. */
export class Walk {
  readonly findings: Finding[] = []
  readonly #onFinding: (finding: Finding) => void

  constructor(onFinding: (finding: Finding) => void = () => {}) {
    this.#onFinding = onFinding
  }

  /**
   * One check: asks, judges, and gives what was found to the checks that build on it; `undefined` when there is nothing to build
   * on: the question failed or was left out, or what was found is a problem.
   */
  async step<T>(
    check: CheckName,
    ask: () => Promise<T>,
    judge: (found: T) => Judgement,
    limitMs = LIMIT_MS,
  ): Promise<T | undefined> {
    try {
      const found = await within(limitMs, ask())
      const judgement = judge(found)
      this.note(check, judgement)
      return judgement.status === 'ok' || judgement.status === 'warning' ? found : undefined
    } catch (error) {
      this.note(check, judgeFailure(error))
      return undefined
    }
  }

  note(check: CheckName, judgement: Judgement): void {
    const finding = findingOf(check, judgement)
    this.findings.push(finding)
    this.#onFinding(finding)
  }

  /** Leaves out every check from here to `last`, since they build on one that did not go well. */
  skipTo(last: CheckName, because: CheckName): void {
    const done = Math.max(...this.findings.map(({ check }) => CHECKS.indexOf(check)))
    for (const check of CHECKS.slice(done + 1, CHECKS.indexOf(last) + 1)) {
      this.note(check, skipped(`not looked at: it needs what \`${because}\` asks for`))
    }
  }
}

/** Rejects with `node-unreachable` when the time is up; what was asked may still go on, and is not waited for. */
export async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StreamError('node-unreachable', `no answer within ${limitMs / 1000} s`)),
      limitMs,
    )
  })
  // Its late failure is nobody's any more.
  answer.catch(() => {})
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
