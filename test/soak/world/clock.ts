/** Microseconds of the machine's monotonic clock: the same in all processes, so that their logs can be put in one order. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1000n)

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Waits until something holds.
 * @throws Error that names it, after `withinMs`
 */
export async function until(what: string, withinMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + withinMs; !(await holds()); await sleep(50)) {
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs / 1000} s`)
  }
}
