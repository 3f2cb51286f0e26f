import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import { openLedger } from '../ledger/index.ts'
import type { NodeInfo } from '../lightning/node.ts'
import { formatMsat } from '../money/msat.ts'
import { formatPrice, parsePrice } from '../money/price.ts'
import type { Account } from '../seller/account.ts'
import { serve } from '../seller/adapters/node.ts'
import { type PaidHandler, wall } from '../seller/paywall.ts'
import { Seller, type SellerEvent } from '../seller/seller.ts'
import { serveFile, serveFolder } from '../seller/sources/folder.ts'
import { proxyTo } from '../seller/sources/upstream.ts'
import { aborted, interruptSignal } from './interrupt.ts'
import { openNode } from './node.ts'
import { jsonOption, nodeOption, readDuration, readPort } from './options.ts'
import { LiveLines } from './output/meter.ts'
import { bold, createOutput, cyan, dim, type Output, reportError } from './output/output.ts'
import { recordOfAccount } from './output/record.ts'
import { keptSecret, stateFolder, stateHome } from './state.ts'

interface SellOptions {
  readonly price: string
  readonly credit: string
  readonly smallestPayment: string
  readonly node: string
  readonly host: string
  readonly port: string
  readonly grace: string
  readonly json?: boolean
}

const PANEL_MS = 500

export function sellCommand(): Command {
  return new Command('sell')
    .description('Sell a folder, a file or an HTTP service by use')
    .argument('<target>', 'a folder, a file or a URL')
    .requiredOption('--price <price>', 'such as "1 sat/MiB", "10 sat/s", "1 sat/1k tokens" or "2 sat/request"')
    .option('--credit <amount>', 'what may be delivered unpaid', '0 sat')
    .option('--smallest-payment <amount>', 'no invoice is smaller', '1 sat')
    .addOption(nodeOption())
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'where to listen; 0 takes a free one', '2402')
    .option('--grace <time>', 'how long work is held when payment stops', '30s')
    .addOption(jsonOption())
    .action(async (target: string, options: SellOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await sell(target, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function sell(target: string, options: SellOptions, output: Output): Promise<number> {
  const signal = interruptSignal()
  const handler = source(target)
  const price = parsePrice(options.price)
  const port = readPort(options.port)
  const graceMs = readDuration(options.grace)
  const node = await openNode(options.node, 'seller')
  const info = await node.info()
  // One ledger for each node and port: settlements are numbered by the node, and two processes must not share an account.
  const folder = stateFolder(stateHome(), 'seller', `${info.network}-${info.publicKey.slice(0, 16)}-${port}`)
  const ledger = openLedger(join(folder, 'ledger.db'))
  const accounts = new Map<string, Account>()
  const seller = new Seller({
    node,
    ledger,
    secret: keptSecret(join(folder, 'secret')),
    onEvent: (event) => tell(event, accounts, output),
  })
  const { credit, smallestPayment } = options
  const server = await serve(wall(seller, { price, credit, smallestPayment, graceMs })(handler), {
    host: options.host,
    port,
  })
  announce(target, server.url, formatPrice(price), info, output)
  const lines = new LiveLines()
  const panel = setInterval(() => {
    if (!output.json) lines.draw(panelLines(accounts))
  }, PANEL_MS)
  await aborted(signal)
  clearInterval(panel)
  lines.clear()
  await server.close()
  await seller.close()
  await ledger.end()
  await node.close()
  const streams = [...accounts.values()].map(recordOfAccount)
  output.event('end', { ok: true, streams })
  output.say(
    `sold ${streams.length} streams for ${formatMsat([...accounts.values()].reduce((sum, { gate }) => sum + gate.delivered, 0n))}`,
  )
  return 0
}

/** What is sold: a URL is passed on to, anything else is read from disk. */
function source(target: string): PaidHandler {
  if (/^https?:\/\//i.test(target)) return proxyTo(target)
  const path = resolve(target)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new StreamError('option-invalid', `${path} does not exist; sell a folder, a file or a URL`)
  return stat.isDirectory() ? serveFolder(path) : serveFile(path)
}

function announce(target: string, url: string, price: string, info: NodeInfo, output: Output): void {
  const { kind, network, publicKey, canReceive } = info
  output.event('selling', { target, url, price, node: kind, network, payee: publicKey, canReceive: `${canReceive}` })
  output.say(`  selling  ${bold(target)}    at  ${cyan(url)}    for  ${price}`)
  output.say(`  wallet   ${kind} · ${network} · can receive ${formatMsat(canReceive)}`)
  output.say(dim('  stop     Ctrl-C'))
}

function tell(event: SellerEvent, accounts: Map<string, Account>, output: Output): void {
  if (event.type === 'error') {
    output.event('trouble', { code: event.error.code, message: event.error.message, hint: event.error.hint })
    output.say(`  trouble  ${event.error.message} (${event.error.code})`)
    return
  }
  const { account } = event
  accounts.set(account.agreement.id, account)
  output.event(event.type, { agreement: account.agreement.id, ...recordOfAccount(account) })
}

function panelLines(accounts: ReadonlyMap<string, Account>): string[] {
  const all = [...accounts.values()]
  const active = all.filter((account) => account.activeDeliveries > 0)
  const paid = all.reduce((sum, { gate }) => sum + gate.paid, 0n)
  const returned = all.reduce((sum, { returned: back }) => sum + back, 0n)
  const unpaid = active.reduce(
    (sum, { gate }) => sum + (gate.delivered > gate.paid ? gate.delivered - gate.paid : 0n),
    0n,
  )
  const paused = active.filter(({ gate }) => gate.shut).length
  return [
    `  now      ${active.length} streams${paused > 0 ? `, ${paused} paused` : ''} · ${formatMsat(unpaid)} unpaid`,
    `  so far   ${formatMsat(paid - returned)} kept of ${formatMsat(paid)} paid · ${all.length} agreements`,
  ]
}
