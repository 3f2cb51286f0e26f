import { parseArgs } from 'node:util'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'
import { formatMsat, msat, parseMsat } from '../../src/money/msat.ts'
import { parsePrice } from '../../src/money/price.ts'
import { canRun } from '../../src/nodectl/programs/build.ts'
import { BenchCommand } from '../command.ts'
import { crowd } from './crowd.ts'
import type { Tick } from './members/orders.ts'
import type { CrowdReport } from './report.ts'

const USAGE =
  'usage: npm run crowd -- [--buyers N] [--viewers N] [--seconds N] [--node lnd|embedded] [--price PRICE] [--ahead AMOUNT] [--json]\n'
const MOST = { buyers: 2000, viewers: 500, seconds: 600 }

const { json, ...wanted } = readArgs()
const command = new BenchCommand(json)
let last: Tick | undefined

await command.run(() => crowd({ ...wanted, say: command.say, onTick: told }), table)

function readArgs() {
  const options = {
    buyers: { type: 'string', default: '200' },
    viewers: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
    node: { type: 'string', default: 'lnd' },
    // What good models cost: with payments of the smallest size a crowd of this size would need more than two LNDs carry.
    price: { type: 'string', default: '5 sat/1k tokens' },
    ahead: { type: 'string', default: '10 sat' },
    json: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ options })
    const whole = (name: keyof typeof MOST, least: number): number => {
      const value = Number(values[name])
      if (Number.isSafeInteger(value) && value >= least && value <= MOST[name]) return value
      throw new Error(`--${name} is a whole number from ${least} to ${MOST[name]}`)
    }
    if (values.node !== 'embedded' && values.node !== 'lnd') throw new Error('--node is lnd or embedded')
    const node: 'embedded' | 'lnd' = values.node
    const args = { buyers: whole('buyers', 0), viewers: whole('viewers', 0), seconds: whole('seconds', 1), node }
    if (args.buyers + args.viewers === 0) throw new Error('a crowd is somebody at least')
    if (args.viewers > 0 && !hasFfmpeg()) throw new Error('viewers need ffmpeg: install it, or --viewers 0')
    const can = canRun()
    if (node === 'lnd' && !can.ok) throw new Error(`${can.reason}: --node embedded needs nothing`)
    parsePrice(values.price)
    parseMsat(values.ahead)
    return { ...args, price: values.price, ahead: values.ahead, json: values.json }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    process.exit(2)
  }
}

function told(tick: Tick): void {
  const before = last && last.tokens <= tick.tokens && last.payments <= tick.payments ? last : undefined
  last = tick
  if (!before) return
  const payments = tick.payments - before.payments
  const mean = payments === 0 ? '' : ` of ${formatMsat(msat((tick.paid - before.paid) / BigInt(payments)))} each`
  const played = ((tick.playMs - before.playMs) / 1000).toFixed(0)
  const line = `${tick.reading} streams · ${tick.tokens - before.tokens} tokens/s · ${played} s of film/s · ${payments} payments/s${mean} · ${tick.inFlight} on their way · ${tick.held} × held · ${tick.stalls} stalls · ${tick.failed} failed`
  command.tick(line)
}

function table(report: CrowdReport): string {
  const { tokensPerSecond: tokens, playSecondsPerSecond: film, stalls, paymentsPerSecond: pays } = report
  const sat = (amount: string): string => formatMsat(msat(BigInt(amount)))
  const size = report.paymentSize
  const cores = Object.entries(report.cpu).map(([name, used]) => `${name} ${used}`)
  return `${report.buyers} buyers and ${report.viewers} viewers for ${report.seconds} s on ${report.node} nodes
tokens/s     ${tokens.paid}, unpaid ${tokens.unpaid}, ideal ${tokens.ideal}
film         ${film.paid} s a second, unpaid ${film.unpaid}, ideal ${film.ideal}
stalls       ${stalls.paid.count}, unpaid ${stalls.unpaid.count} (above ${stalls.boundMs} ms); longest gap ${stalls.paid.longestMs} ms, unpaid ${stalls.unpaid.longestMs} ms; while they came ${stalls.joining.count}
held         ${report.held.count} × for want of money, ${report.held.ms} ms in all
first        after ${report.firstMs.median} ms, at most ${report.firstMs.most} ms; unpaid ${report.firstMs.unpaidMedian} ms
payments/s   ${pays.mean} in the mean, ${pays.most} at most; the nodes alone ${report.nodeLimit}
a payment    ${report.paymentMs.median} ms, 95 % within ${report.paymentMs.p95} ms; alone ${report.paymentMs.alone} ms
sizes        ${sat(size.first)} at first, ${sat(size.median)} in the median, ${sat(size.last)} at last
paid         ${sat(report.paid)} in ${report.payments} payments, settled ${sat(report.settled)}, delivered ${sat(report.delivered)}, returned ${sat(report.returned)}
unaccounted  ${sat(report.unaccounted)}
cores        ${cores.join(', ')}
${report.ok ? 'No stall.' : 'NOT all is well: see above.'}
`
}
