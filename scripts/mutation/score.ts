/** What became of one mutant: the part of Stryker's result that a score is made of. */
export interface Mutant {
  readonly fileName: string
  readonly location: { readonly start: { readonly line: number; readonly column: number } }
  readonly status: string
  readonly mutatorName: string
  readonly replacement?: string | undefined
}

export interface FolderScore {
  /** Percent of the valid mutants that a test noticed, with one decimal, rounded down; 100 where there are none. */
  readonly score: number
  readonly mutants: number
  /** Ended by Stryker's limits on steps and time: noticed too. */
  readonly timedOut: number
  /** Excluded in the source, each with its reason. */
  readonly excluded: number
  /** Noticed by no test, in the order of the source. */
  readonly survivors: readonly Mutant[]
}

/** The least score that a folder may have, in percent. */
export const LEAST_SCORE = 85

const NOTICED = ['Killed', 'Timeout']
const MISSED = ['Survived', 'NoCoverage']

/** Sums up a folder. Mutants that are not valid programs, or were excluded, are in no sum. */
export function scoreFolder(results: readonly Mutant[]): FolderScore {
  const noticed = results.filter(({ status }) => NOTICED.includes(status)).length
  const survivors = results.filter(({ status }) => MISSED.includes(status)).sort(byPlace)
  const mutants = noticed + survivors.length
  return {
    score: mutants === 0 ? 100 : Math.floor((1000 * noticed) / mutants) / 10,
    mutants,
    timedOut: results.filter(({ status }) => status === 'Timeout').length,
    excluded: results.filter(({ status }) => status === 'Ignored').length,
    survivors,
  }
}

/** One line for a survivor. @example 'src/money/msat.ts:21:7 ConditionalExpression → false' */
export function printMutant({ fileName, location: { start }, status, mutatorName, replacement = '' }: Mutant): string {
  const change = replacement.replace(/\s+/g, ' ').slice(0, 80)
  const never = status === 'NoCoverage' ? ' (no test runs this line)' : ''
  return `${fileName}:${start.line}:${start.column} ${mutatorName} → ${change}${never}`
}

function byPlace(a: Mutant, b: Mutant): number {
  if (a.fileName !== b.fileName) return a.fileName < b.fileName ? -1 : 1
  return a.location.start.line - b.location.start.line || a.location.start.column - b.location.start.column
}
