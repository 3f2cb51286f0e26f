import { Command } from 'commander'
import { EXIT } from '../../errors/codes.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Admin } from '../../nodectl/admin.ts'
import type { Arrival } from '../../nodectl/funds.ts'
import { NETWORKS } from '../../nodectl/networks/networks.ts'
import { interruptSignal } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { bold, dim, green, yellow } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { qrLines } from '../output/qr.ts'
import { type AdminOptions, endOfWait, networkInWords, readWait, withAdmin } from './admin.ts'
import { adminNodeOption } from './spec.ts'

interface FundOptions extends AdminOptions {
  readonly wait: string | false
}

const HELP = `
Examples:
  streampay node fund --node alice
  ADDRESS=$(streampay node fund --node alice --no-wait)

The address goes to stdout, all else to stderr. Ctrl-C ends the watching; coins that are sent come all the same. Coins of
another network that are sent here are lost.`

export function fundCommand(): Command {
  return new Command('fund')
    .description("Show an address of the node's wallet, and watch until coins have come and are confirmed")
    .addOption(adminNodeOption())
    .option('--wait <time>', 'the longest to watch', '2h')
    .option('--no-wait', 'show the address and end')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((options: FundOptions) =>
      withAdmin(
        options,
        () => readWait(options.wait),
        (admin, output, waitMs) => fund(admin, waitMs, output),
      ),
    )
}

async function fund(admin: Admin, waitMs: number, output: Output): Promise<number> {
  const { network, alias } = admin
  const { fundingAddress, walletOf, watchAddress } = await import('../../nodectl/funds.ts')
  const [wallet, address] = [await walletOf(admin), await fundingAddress(admin)]
  output.event('address', { address, network, real: NETWORKS[network].real, ...wallet })
  output.say(`send coins of ${bold(networkInWords(network))} to ${alias || 'this node'}, at`)
  if (process.stderr.isTTY) for (const line of qrLines(`bitcoin:${address}`)) output.say(line)
  output.print(address)
  output.say(dim(`the wallet has ${formatMsat(wallet.confirmed)}${comingOf(wallet.unconfirmed)}`))
  if (waitMs === 0) return EXIT.ok
  const signal = interruptSignal()
  output.live([dim('waiting for coins; Ctrl-C ends the watching')])
  const onChange = (arrival: Arrival): void => {
    if (arrival.seen === 0n) return
    output.event('seen', { address, ...arrival })
    output.live([`${yellow(formatMsat(arrival.seen))} seen, waiting for a block`])
  }
  const { seen, confirmed } = await watchAddress(admin, address, { forMs: waitMs, signal, onChange })
  output.live([])
  if (seen === 0n) return endOfWait(signal, waitMs, 'no coins have been seen yet; the address stays good', output)
  if (confirmed < seen) {
    return endOfWait(signal, waitMs, `${formatMsat(seen - confirmed)} were seen, and wait for a block`, output)
  }
  output.event('funded', { address, amount: confirmed, ...(await walletOf(admin)) })
  output.say(`${green('✓')} ${bold(formatMsat(confirmed))} have come and are confirmed`)
  output.say(dim('next: `streampay node open KEY@HOST:PORT --amount "…"` puts coins into a channel'))
  return EXIT.ok
}

const comingOf = (amount: bigint): string => (amount > 0n ? `, and ${formatMsat(amount)} wait for a block` : '')
