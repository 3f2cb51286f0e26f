/*
 * For a process that is started with `--import` of this: its clock is 25 hours ahead after a SIGUSR2. So what lives for a day can be seen
 * to end.
 */
const HOURS = 25
const { now } = Date
let aheadMs = 0

class ClockAhead extends Date {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(ClockAhead.now())
    else super(...(given as [number]))
  }
  static override now(): number {
    return now() + aheadMs
  }
}

globalThis.Date = ClockAhead as DateConstructor
process.on('SIGUSR2', () => {
  aheadMs = HOURS * 3_600_000
})

export {}
