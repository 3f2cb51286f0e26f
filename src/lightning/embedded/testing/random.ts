import { createHash } from 'node:crypto'

/**
 * Numbers from 0 to below 1, the same ones for the same seed: what a test does at random can be done again. `variable` names
 * the environment variable that sets the seed; without it every run has another.
 */
export function seededRandom(variable: string): { readonly seed: string; next(): number } {
  const seed = process.env[variable] ?? String(Math.floor(Math.random() * 1e9))
  let drawn = 0
  const next = () => createHash('sha256').update(`${seed}/${drawn++}`).digest().readUInt32BE() / 2 ** 32
  return { seed, next }
}
