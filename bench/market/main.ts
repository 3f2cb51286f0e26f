import { parseArgs } from 'node:util'
import { formatMsat } from '../../src/money/msat.ts'
import { BenchCommand } from '../command.ts'
import { market } from './market.ts'
import type { Tick } from './orders.ts'
import type { MarketReport } from './report.ts'

const USAGE = 'usage: npm run market -- [--buyers N] [--sellers N] [--seconds N] [--seed N] [--calm] [--json]\n'
const BOUNDS = { buyers: [1, 1000], sellers: [1, 20], seconds: [1, 600], seed: [0, 1_000_000] } as const

const { json, ...wanted } = readArgs()
const command = new BenchCommand(json)

await command.run(() => market({ ...wanted, say: command.say, onTick: told }), table)

function readArgs() {
  const options = {
    buyers: { type: 'string', default: '100' },
    sellers: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    calm: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ options })
    const whole = (name: keyof typeof BOUNDS): number => {
      const [least, most] = BOUNDS[name]
      const value = Number(values[name])
      if (Number.isSafeInteger(value) && value >= least && value <= most) return value
      throw new Error(`--${name} is a whole number from ${least} to ${most}`)
    }
    const { calm, json: asked } = values
    return {
      buyers: whole('buyers'),
      sellers: whole('sellers'),
      seconds: whole('seconds'),
      seed: whole('seed'),
      calm,
      json: asked,
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    process.exit(2)
  }
}

function told({ requests, refused, failed, agreements, reading }: Tick): void {
  const line = `${requests} bought · ${refused} refused · ${failed} failed · ${agreements} agreements · ${reading} at it`
  command.tick(line)
}

function table(report: MarketReport): string {
  const sat = (amount: string): string => formatMsat(BigInt(amount))
  const { outside } = report
  const failed = Object.entries(report.failed).map(([code, times]) => `${times} × ${code}`)
  const kinds = Object.entries(report.kinds).map(
    ([name, { buyers, requests, agreements, priceOfLimit }]) =>
      `  ${name.padEnd(16)} ${`${buyers}`.padStart(3)} buyers, ${`${requests}`.padStart(5)} bought on ${`${agreements}`.padStart(4)} agreements, at ${(priceOfLimit / 10).toFixed(1)} % of their limits`,
  )
  return `${report.buyers} buyers and ${report.sellers} sellers for ${report.seconds} s, seed ${report.seed}
bought       ${report.requests} times, ${report.bytes} bytes, on ${report.agreements} agreements; ${report.left} were left for a cheaper one
refused      ${report.refused} times for want of terms${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}
stuck        ${report.stuck}
outside      limits ${outside.buyers}, floors ${outside.sellers}, ahead ${outside.ahead}, credit ${outside.unpaid}, budgets ${outside.budget}
paid         ${sat(report.paid)} in ${report.payments} payments, settled ${sat(report.settled)}, delivered ${sat(report.delivered)}, returned ${sat(report.returned)}, kept ${sat(report.kept)}
unaccounted  ${sat(report.unaccounted)}
${kinds.join('\n')}
${report.ok ? 'All is well.' : 'NOT all is well: see above.'}
`
}
