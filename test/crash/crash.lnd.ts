import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { lndBackend } from '../soak/world/lndBackend.ts'
import { crashRounds } from './rounds.ts'

/** `KILL_ROUNDS=48 npm test -- --only lnd test/crash` for more; which LND is killed: test/soak/README.md. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 4)
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31))

const skip = noLnd()

// A network of its own: the shared one's nodes are not to be killed under the other tests.
describe.skipIf(skip)(`crashes on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  it(
    `loses no money and no delivery to SIGKILL of seller, buyer and LND, ${ROUNDS} times (KILL_SEED=${SEED})`,
    async () => {
      const say = (line: string): void => void process.stderr.write(`  ${line}\n`)
      const report = await crashRounds((folder) => lndBackend(folder, say), { rounds: ROUNDS, seed: SEED })
      expect(report.reasons).toEqual([])
      expect(report.verdict).toMatchObject({ ok: true, unaccounted: '0', paidTwice: 0, lostPayments: 0 })
      expect(report.verdict.kills).toBeGreaterThanOrEqual(ROUNDS)
    },
    180_000 + ROUNDS * 60_000,
  )
})
