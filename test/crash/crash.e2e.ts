import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { embeddedBackend } from '../soak/world/embeddedBackend.ts'
import { crashRounds } from './rounds.ts'

/** More of them is what finds rare orders of events: `KILL_ROUNDS=300 npm test -- --only e2e test/crash`. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 10)
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31))

it(
  `loses no money and no delivery to SIGKILL of seller, buyer and their nodes, ${ROUNDS} times (KILL_SEED=${SEED})`,
  async () => {
    const report = await crashRounds((folder) => embeddedBackend(folder, 1), { rounds: ROUNDS, seed: SEED })
    expect(report.reasons).toEqual([])
    expect(report.verdict).toMatchObject({ ok: true, unaccounted: '0', paidTwice: 0, lostPayments: 0 })
    expect(report.verdict.kills).toBeGreaterThanOrEqual(ROUNDS)
    expect(report.resumed, 'streams that went on with the agreement they had').toBeGreaterThan(report.renewed)
  },
  120_000 + ROUNDS * 30_000,
)
