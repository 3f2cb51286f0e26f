import { type FileCounts, sumOf } from './counts.ts'

/** More files than these are no accident of a busy machine. */
const MOST_FILES = 3

export interface SecondRun {
  readonly counts: readonly FileCounts[]
  /** What failed at first and passed when its file was run alone. */
  readonly unsteady: readonly string[]
}

/**
 * Runs the few files that failed once more, by themselves, and puts what comes of that in the place of what came first. What passes
 * only then is named: it has found something, on this machine or in the code.
 */
export async function runAgain(
  first: readonly FileCounts[],
  run: (files: readonly string[]) => Promise<readonly FileCounts[]>,
): Promise<SecondRun> {
  const failed = first.filter(({ failed }) => failed > 0)
  const files = failed.map(({ file }) => file)
  if (files.length === 0 || files.length > MOST_FILES || files.includes('')) return { counts: first, unsteady: [] }
  const second = await run(files)
  const isWhole = files.every((file) => second.some((counts) => counts.file === file))
  if (!isWhole) return { counts: first, unsteady: [] }
  const steady = first.filter(({ file }) => !files.includes(file))
  const still = sumOf(second).failures
  const unsteady = sumOf(failed).failures.filter((failure) => !still.some((other) => nameOf(other) === nameOf(failure)))
  return { counts: [...steady, ...second], unsteady }
}

/** The test's name, without why it failed. */
const nameOf = (failure: string): string => failure.split('\n')[0]!
