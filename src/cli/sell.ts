import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import { openLedger } from '../ledger/index.ts'
import { formatMsat, parseMsat } from '../money/msat.ts'
import { formatPrice, parsePrice } from '../money/price.ts'
import type { Account } from '../seller/account.ts'
import { serve } from '../seller/adapters/node.ts'
import { type PaidHandler, wall } from '../seller/paywall.ts'
import { Seller } from '../seller/seller.ts'
import { serveFile, serveFolder } from '../seller/sources/folder.ts'
import { proxyTo } from '../seller/sources/upstream.ts'
import { aborted, interruptSignal, unlessAborted } from './interrupt.ts'
import { openNode } from './node.ts'
import { jsonOption, nodeOption, readDuration, readPort } from './options.ts'
import { plural } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { recordOfAccount } from './output/record.ts'
import { reportError } from './output/reportError.ts'
import { announce, panelLines, tell } from './sell/panel.ts'
import { keptSecret, stateFolder, stateHome } from './state.ts'

interface SellOptions {
  readonly price: string
  readonly credit: string
  readonly smallestPayment: string
  readonly node: string
  readonly host: string
  readonly port: string
  readonly grace: string
  readonly cert?: string
  readonly key?: string
  readonly json?: boolean
}

const PANEL_MS = 500

const EXAMPLES = `
Examples:
  streampay sell ./films --price "1 sat/MiB"
  streampay sell http://127.0.0.1:11434 --price "1 sat/1k tokens" --credit "2 sat"

It sells until Ctrl-C. --node embedded is a private chain of this machine, for trying out; real money needs LND.`

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
    .option('--cert <file>', 'serve https with this certificate (PEM), and --key')
    .option('--key <file>', 'its private key (PEM)')
    .option('--grace <time>', 'how long work is held when payment stops', '30s')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (target: string, options: SellOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await sell(target, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function sell(target: string, options: SellOptions, output: Output): Promise<number> {
  const signal = interruptSignal(() => output.say('stopping; Ctrl-C again leaves at once'))
  const handler = source(target)
  const price = parsePrice(options.price)
  const port = readPort(options.port)
  const graceMs = readDuration(options.grace)
  const terms = {
    price,
    credit: parseMsat(options.credit),
    smallestPayment: parseMsat(options.smallestPayment),
    graceMs,
  }
  const tls = certificate(options)
  const node = await unlessAborted(openNode(options.node, 'seller'), signal)
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
  const server = await serve(wall(seller, terms)(handler), { host: options.host, port, ...tls })
  announce({ target, url: server.url, price: formatPrice(price), info, secure: tls !== undefined }, output)
  const panel = setInterval(() => output.live(panelLines(accounts)), PANEL_MS)
  await aborted(signal)
  clearInterval(panel)
  output.live([])
  await server.close()
  await seller.close()
  await ledger.end()
  await node.close()
  const streams = [...accounts.values()].map(recordOfAccount)
  output.event('end', { ok: true, streams })
  output.say(
    `sold ${plural(streams.length, 'stream')} for ${formatMsat([...accounts.values()].reduce((sum, { gate }) => sum + gate.delivered, 0n))}`,
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

/** PEM files for https. @throws StreamError `option-invalid`, or the system's error for a file */
function certificate({ cert, key }: SellOptions): { readonly cert: Buffer; readonly key: Buffer } | undefined {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    throw new StreamError('option-invalid', 'https takes both --cert and --key')
  }
  const pems = { cert: readFileSync(cert), key: readFileSync(key) }
  try {
    createSecureContext(pems)
  } catch (error) {
    throw new StreamError('option-invalid', `${cert} and ${key} are no certificate and its key`, {}, error)
  }
  return pems
}
