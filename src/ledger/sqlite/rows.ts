import type { SQLOutputValue } from 'node:sqlite'
import { type Msat, msat } from '../../money/msat.ts'

/** A row as SQLite gives it, integers as bigint. */
export type Row = Readonly<Record<string, SQLOutputValue>>

/** @throws Error if the column is missing or not text, as in the three below: a damaged or foreign file */
export function text(row: Row | undefined, name: string): string {
  const value = row?.[name]
  if (typeof value !== 'string') throw new Error(`column ${name} is not text`)
  return value
}

export function integer(row: Row | undefined, name: string): bigint {
  const value = row?.[name]
  if (typeof value !== 'bigint') throw new Error(`column ${name} is not an integer`)
  return value
}

export const amount = (row: Row | undefined, name: string): Msat => msat(integer(row, name))
export const number = (row: Row | undefined, name: string): number => Number(integer(row, name))

/** One of a few words. */
export function word<T extends string>(row: Row | undefined, name: string, words: readonly T[]): T {
  const value = text(row, name)
  const found = words.find((candidate) => candidate === value)
  if (found === undefined) throw new Error(`column ${name} is none of ${words.join(', ')}`)
  return found
}

/** The largest integer that SQLite holds. */
const MAX_INTEGER = 2n ** 63n - 1n

/** A count of steps as SQLite can hold it. No stream gets to the limit: at a byte a step it is nine exabytes. */
export const storable = (steps: bigint): bigint => (steps < MAX_INTEGER ? steps : MAX_INTEGER)
