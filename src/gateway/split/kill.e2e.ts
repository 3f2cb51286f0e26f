import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { seededRandom } from '../../lightning/embedded/testing/random.ts'
import { PayoutStore } from './store.ts'

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 5)
const random = seededRandom('KILL_SEED')
const CHILD = fileURLToPath(new URL('./testing/child.ts', import.meta.url))

interface Report {
  readonly standings: ReadonlyArray<{ readonly recipient: string; readonly earned: bigint; readonly paid: bigint }>
  readonly received: bigint
  readonly statuses: readonly string[]
  readonly count: number
}

it(
  `pays a recipient once for what it is owed, over ${ROUNDS} SIGKILLs, KILL_SEED=${random.seed}`,
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'streampay-payouts-'))
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const before = payouts(home)
        const child = await start(home, `run-${round}`)
        // Once it pays, at any moment of that: how soon is the machine's affair.
        while (payouts(home) === before) await sleep(20)
        await sleep(random.next() * 700)
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }
      const child = await start(home, 'last')
      child.send('finish')
      const [report] = (await once(child, 'message')) as [Report]
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      const creator = report.standings.find(({ recipient }) => recipient === 'creator')!
      const platform = report.standings.find(({ recipient }) => recipient === 'platform')!
      expect(report.received, 'arrived at the creator').toBe(creator.paid)
      expect(creator.earned - creator.paid).toBeGreaterThanOrEqual(0n)
      expect(creator.earned - creator.paid).toBeLessThan(2000n)
      const sum = creator.earned + platform.earned
      const off = creator.earned * 100n - sum * 93n
      expect(off < 0n ? -off : off).toBeLessThan(200n)
      expect(report.statuses).toEqual(['settled'])
      expect(report.count).toBeGreaterThanOrEqual(ROUNDS)
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  },
  60_000 + ROUNDS * 15_000,
)

function payouts(home: string): number {
  const store = new PayoutStore(join(home, 'payouts.db'))
  try {
    return store.list(10_000).length
  } finally {
    store.close()
  }
}

async function start(home: string, run: string) {
  const child = fork(CHILD, [home, run], { execArgv: [], serialization: 'advanced' })
  await once(child, 'message')
  return child
}
