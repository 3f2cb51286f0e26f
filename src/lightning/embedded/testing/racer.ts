import { lockDirectory } from '../lock.ts'

/** Takes a directory at the same moments as another process does, and says at which of them it was the one. */
const [directory = '', startMs = '', rounds = ''] = process.argv.slice(2)
const ROUND_MS = 10
const won: number[] = []
for (let round = 0; round < Number(rounds); round++) {
  const atMs = Number(startMs) + round * ROUND_MS
  while (Date.now() < atMs);
  try {
    const release = lockDirectory(directory)
    won.push(round)
    while (Date.now() < atMs + ROUND_MS / 2);
    release()
  } catch {
    // The other has it.
  }
}
process.send?.(won)
