import { basename } from 'node:path'
import { Command } from 'commander'
import { StreamError, toStreamError } from '../errors/error.ts'
import { redact } from '../errors/redact.ts'
import { readConfigFile } from '../gateway/config/read.ts'
import type { GatewayConfig } from '../gateway/config/schema.ts'
import { watchConfig } from '../gateway/config/watch.ts'
import { Gateway } from '../gateway/gateway.ts'
import { acceptUpgrades } from '../gateway/websocket/upgrade.ts'
import { formatMsat } from '../money/msat.ts'
import type { Account } from '../seller/account.ts'
import { checkServing, serve } from '../seller/adapters/node.ts'
import { aborted, interruptSignal, unlessAborted } from './interrupt.ts'
import { jsonOption, nodeOption } from './options.ts'
import { plural } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { recordOfAccount } from './output/record.ts'
import { reportError } from './output/reportError.ts'
import { certificate } from './sell/certificate.ts'
import { configOfFlags, type SellOptions, withFlags } from './sell/flags.ts'
import { handlerOf, pagesOf, pageUrl } from './sell/pages.ts'
import { announce, panelLines, tell } from './sell/panel.ts'
import { checked, priceText, routeRecords } from './sell/routes.ts'
import { earnerLines } from './sell/splits.ts'
import { Films } from './sell/video.ts'
import { Wallets } from './sell/wallets.ts'
import { startWatching } from './sell/watching.ts'

const PANEL_MS = 500

const EXAMPLES = `
Examples:
  streampay sell ./films --price "1 sat/MiB"
  streampay sell http://127.0.0.1:11434 --price "1 sat/1k tokens" --credit "2 sat"
  streampay sell --config streampay.config.yaml

It sells until Ctrl-C. --node embedded is a private chain of this machine, for trying out; real money needs LND.`

export function sellCommand(): Command {
  return new Command('sell')
    .description('Sell a folder, a file, an HTTP service or many of them by use')
    .argument('[target]', 'a folder, a file or a URL')
    .option('--price <price>', 'such as "1 sat/MiB", "10 sat/s", "1 sat/1k tokens" or "2 sat/request"')
    .option('--config <file>', 'routes and their prices, in YAML, JSON or JavaScript: docs/gateway.md')
    .option('--check', 'only read the configuration, and show its routes')
    .option('--credit <amount>', 'what may be delivered unpaid', '0 sat')
    .option('--schemes <list>', 'ways to pay that a 402 offers: some of stream, session, charge, l402')
    .option('--allowance <amount>', 'what an invoice for session, charge or l402 asks for')
    .option('--credential-header <name>', 'where a 402 asks for the credential: Authorization or Payment-Authorization')
    .option('--smallest-payment <amount>', 'no invoice is smaller', '1 sat')
    .option('--floor <price>', 'haggle, down to this price or part of the listed one, such as 70%')
    .option('--rounds <count>', 'bids that are heard, with --floor', '4')
    .option('--free <allowance>', 'free for each client address, such as "3 requests/day"')
    .addOption(nodeOption())
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'where to listen; 0 takes a free one', '2402')
    .option('--trust-proxy <count>', 'reverse proxies in front that append to X-Forwarded-For', '0')
    .option('--cert <file>', 'serve https with this certificate (PEM), and --key')
    .option('--key <file>', 'its private key (PEM)')
    .option('--insecure', 'listen off this machine without a certificate: where TLS lies in front')
    .option('--qualities <list>', 'of a film, some with a price of their own: "1080p=4 sat/s,480p"')
    .option('--grace <time>', 'how long work is held when payment stops', '30s')
    .option('--dashboard [port]', 'a page that shows what is sold, on this machine; 2403 by default: docs/dashboard.md')
    .option('--log <file>', 'append a line of JSON for each event')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (target: string | undefined, options: SellOptions, command: Command) => {
      const output = createOutput(options.json === true)
      const typed = (name: string) => command.getOptionValueSource(name) !== 'default'
      process.exitCode = await sell(target, options, typed, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

type Typed = (name: string) => boolean

async function sell(target: string | undefined, options: SellOptions, typed: Typed, output: Output): Promise<number> {
  const signal = interruptSignal(() => output.say('stopping; Ctrl-C again leaves at once'))
  const config = await configOf(target, options, typed)
  const { listen } = config
  const tls = certificate(listen)
  checkServing({ host: listen.host, insecure: listen.insecure, ...tls })
  if (options.check) return checked(config, output)
  const wallets = new Wallets(config.node ?? options.node, listen.port)
  const { info, folder } = await unlessAborted(wallets.open(), signal)
  const accounts = new Map<string, Account>()
  const films = new Films(output)
  const parts = {
    openSeller: (node?: string) => wallets.open(node),
    openRecipient: (node: string) => wallets.recipient(node),
    sources: [films.sources],
    pages: pagesOf(() => gateway),
  }
  const gateway: Gateway = await Gateway.open(config, parts, (event) => tell(event, accounts, output))
  // A film alone is packaged before the sale begins; beside other routes it is sold when it is.
  if (target !== undefined) {
    await films.ready(signal).catch(async (error) => {
      await gateway.close()
      await wallets.close()
      throw error
    })
  }
  const server = await serve(handlerOf(gateway), {
    host: listen.host,
    port: listen.port,
    insecure: listen.insecure,
    ...tls,
  })
  const upgrades = acceptUpgrades(server.server, gateway)
  const sold = target === undefined ? basename(options.config!) : redact(target)
  announce(
    {
      target: sold,
      url: server.url,
      page: pageUrl(server.url),
      price: priceText(config),
      info,
      secure: tls !== undefined,
      routes: routeRecords(gateway.routes),
      earners: earnerLines(config),
    },
    output,
  )
  films.announce(server.url)
  const { log } = options
  const stopLooking = await startWatching({ gateway, config, home: folder, log }, output)
  const stopWatching = options.config === undefined ? () => {} : follow(options, typed, gateway, output)
  const panel = setInterval(
    async () => output.live([...films.lines, ...panelLines(accounts, (await gateway.seller).debts, gateway.routes)]),
    PANEL_MS,
  )
  await aborted(signal)
  stopWatching()
  clearInterval(panel)
  output.live([])
  upgrades.close()
  await server.close()
  await stopLooking()
  await gateway.close()
  await wallets.close()
  const streams = [...accounts.values()].map(recordOfAccount)
  output.event('end', { ok: true, streams })
  output.say(
    `sold ${plural(streams.length, 'stream')} for ${formatMsat([...accounts.values()].reduce((sum, { gate }) => sum + gate.delivered, 0n))}`,
  )
  return 0
}

async function configOf(target: string | undefined, options: SellOptions, typed: Typed): Promise<GatewayConfig> {
  if ((target === undefined) === (options.config === undefined)) {
    throw new StreamError('option-invalid', 'sell takes either a target (a folder, a file or a URL) or a --config')
  }
  if (target !== undefined) return configOfFlags(target, options)
  if (options.price !== undefined || options.qualities !== undefined || options.floor !== undefined)
    throw new StreamError('option-invalid', 'with --config the prices are in the file')
  return withFlags(await readConfigFile(options.config!), options, typed)
}

/** Takes a changed file as it is saved; one that is wrong changes nothing, and is told. */
function follow(options: SellOptions, typed: Typed, gateway: Gateway, output: Output): () => void {
  const trouble = (error: unknown) => {
    const { code, message, hint } = toStreamError(error)
    output.event('trouble', { code, message, hint })
    output.say(`  the configuration stays as it was: ${message}`)
  }
  return watchConfig(
    options.config!,
    // What fails in there is told as an event.
    (config) => gateway.reload(withFlags(config, options, typed)).catch(() => {}),
    trouble,
  )
}
