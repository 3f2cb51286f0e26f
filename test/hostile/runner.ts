import { type Attack, failed, judge, type Row } from './attack.ts'
import type { Stage } from './stage.ts'

/** An attack that does not end by itself is ended here, and has shown nothing. */
const LIMIT_MS = 75_000
/** Attacks at once against one victim, once those that need it alone are over. */
const AT_ONCE = 6

/**
 * Makes every attack, against both victims at the same time. An attack that measures its victim's memory has that victim's
 * process to itself.
 */
export async function runAll(attacks: readonly Attack[], stage: Stage, onRow: (row: Row) => void): Promise<Row[]> {
  const rows: Row[] = []
  const one = async (attack: Attack): Promise<void> => {
    const row = await attempt(attack, stage)
    rows.push(row)
    onRow(row)
  }
  const lane = async (side: Attack['side']): Promise<void> => {
    const own = attacks.filter((attack) => attack.side === side)
    for (const attack of own.filter(({ alone }) => alone)) await one(attack)
    const rest = own.filter(({ alone }) => !alone)
    const worker = async (): Promise<void> => {
      for (let next = rest.shift(); next; next = rest.shift()) await one(next)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }
  await Promise.all([lane('buyer'), lane('seller')])
  return rows
}

async function attempt(attack: Attack, stage: Stage): Promise<Row> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${LIMIT_MS / 1000} s`)), LIMIT_MS)
  })
  const startedAt = performance.now()
  const took = () => ({ ms: Math.round(performance.now() - startedAt) })
  try {
    return { ...judge(attack, await Promise.race([attack.run(stage), late])), ...took() }
  } catch (error) {
    return { ...failed(attack, error), ...took() }
  } finally {
    clearTimeout(timer)
  }
}
