/** One line of the benchmark: what was measured, against what, and whether it reaches what we want. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it was measured against, in the same run. */
  readonly counterpart: string
  readonly counterpartValue: number
  readonly ratio: number
  /** What `ratio` (or `value`, where it says so) is to reach. */
  readonly goal: string
  readonly held: boolean
  /** What explains the figure: windows, payments, time lost to stalls. */
  readonly note: string
}

export type FigureResult = Figure | { readonly name: string; readonly skipped: string }

/** Three digits that say something. */
export const round = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(4)))

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
