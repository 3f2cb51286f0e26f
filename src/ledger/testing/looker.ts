import { Holder } from '../sqlite/holder.ts'

/** Looks after names at the same moments as another process does, and says which of them it took to be alive. */
const [file = '', startMs = '', ...names] = process.argv.slice(2)
const ROUND_MS = 10
const holder = new Holder(file)
const alive: string[] = []
for (const [round, name] of names.entries()) {
  while (Date.now() < Number(startMs) + round * ROUND_MS);
  if (holder.isAlive(name)) alive.push(name)
}
process.send?.(alive)
