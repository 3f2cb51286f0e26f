import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { formatMsat } from '../../src/money/msat.ts'
import type { Verdict } from './audit/verdict.ts'
import { soak } from './soak.ts'
import type { World } from './world/world.ts'

const USAGE = 'usage: npm run soak -- [--minutes N] [--seed S] [--node embedded|lnd] [--json]\n'
const TICK_MS = 1000

const { minutes, seed, node, json } = readArgs()
const live = !json && process.stderr.isTTY
const say = (line: string): void => void process.stderr.write(`${live ? '\r\x1b[K' : ''}${line}\n`)
let ticking: NodeJS.Timeout | undefined

say(`seed ${seed}: ${minutes} minutes on ${node} nodes`)
try {
  const { verdict, reasons } = await soak({ minutes, seed, node, say, onWorld: live ? progress : () => {} })
  clearInterval(ticking)
  for (const reason of reasons) say(reason)
  process.stdout.write(json ? `${JSON.stringify(verdict)}\n` : report(verdict))
  process.exitCode = verdict.ok ? 0 : 1
} catch (error) {
  clearInterval(ticking)
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
}
process.exit()

function readArgs() {
  const options = {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    node: { type: 'string', default: 'embedded' },
    json: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ options })
    const minutes = Number(values.minutes)
    const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
    if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed are numbers')
    if (values.node !== 'embedded' && values.node !== 'lnd') throw new Error('--node is embedded or lnd')
    const node: 'embedded' | 'lnd' = values.node
    return { minutes, seed, node, json: values.json }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    process.exit(2)
  }
}

function progress(world: World, untilMs: number): void {
  ticking = setInterval(() => {
    const left = Math.max(0, Math.round((untilMs - Date.now()) / 1000))
    const answers = [...world.wire.delivered.values()].reduce((sum, { answers }) => sum + answers, 0)
    const line = `${left} s left · ${world.kills} kills · ${world.wire.delivered.size} agreements · ${answers} answers`
    process.stderr.write(`\r\x1b[K${line}`)
  }, TICK_MS)
}

function report(verdict: Verdict): string {
  const sat = (amount: string): string => formatMsat(BigInt(amount))
  const faults = Object.entries(verdict.faults).map(([name, count]) => `${name} ${count}`)
  const lines = [
    `${verdict.kills} kills; ${faults.join(', ')}`,
    `${verdict.payments} payments on ${verdict.agreements} agreements of ${verdict.streams} streams`,
    `paid ${sat(verdict.paid)}, settled ${sat(verdict.settled)}, returned ${sat(verdict.returned)}, fees ${sat(verdict.fees)}, balances ${sat(verdict.balances)}`,
    `unaccounted ${sat(verdict.unaccounted)}; paid twice ${verdict.paidTwice}, lost ${verdict.lostPayments}`,
    `most unpaid ${sat(verdict.maxUnpaid)} of ${sat(verdict.credit)}; most paid ahead ${sat(verdict.maxAhead)} of ${sat(verdict.ahead)}`,
    `forgotten in crashes ${sat(verdict.forgotten)}, at most ${sat(verdict.maxForgotten)} of ${sat(verdict.lease)} at once`,
    verdict.ok ? 'Nothing was lost.' : 'NOT all is well: see above.',
  ]
  return `${lines.join('\n')}\n`
}
