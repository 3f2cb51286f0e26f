/*
 * For a process that is started with `--import` of this, and its threads: their clock is 25 hours ahead as soon as the file exists that
 * CLOCK_AHEAD names. So what lives for a day can be seen to end.
 */
import { existsSync } from 'node:fs'

const HOURS = 25
const LOOK_MS = 100
const { now } = Date
let aheadMs = 0
let lookedAtMs = 0

function ahead(): number {
  if (aheadMs === 0 && performance.now() - lookedAtMs > LOOK_MS) {
    lookedAtMs = performance.now()
    if (existsSync(process.env.CLOCK_AHEAD!)) aheadMs = HOURS * 3_600_000
  }
  return now() + aheadMs
}

class ClockAhead extends Date {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(ahead())
    else super(...(given as [number]))
  }
  static override now(): number {
    return ahead()
  }
}

globalThis.Date = ClockAhead as DateConstructor
