import { join } from 'node:path'
import { Command } from 'commander'
import { LocalEvents } from '../api/events.ts'
import { StreamError } from '../errors/error.ts'
import { parseMsat } from '../money/msat.ts'
import { Callers, newToken } from '../proxy/callers.ts'
import { openProxy } from '../proxy/proxy.ts'
import { Purses } from '../proxy/purses.ts'
import { Reachable } from '../proxy/reach.ts'
import { writeState } from '../proxy/stateFile.ts'
import { Upstream } from '../proxy/upstream.ts'
import { checkServing } from '../seller/adapters/node.ts'
import { isLoopbackHost } from '../wire/loopback.ts'
import { aborted, interruptSignal, unlessAborted } from './interrupt.ts'
import { openUserJournal } from './journal.ts'
import { openNode } from './node.ts'
import {
  aheadOption,
  jsonOption,
  maxFeeOption,
  maxOption,
  maxPriceOption,
  maxRiskOption,
  nodeOption,
  readDuration,
  readPercent,
  readPort,
  readPrices,
  readSchemes,
  readUrl,
  schemesOption,
} from './options.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { openLocalApi, toldTo } from './proxy/api.ts'
import { callersCommand, callersFile } from './proxy/callers.ts'
import { announce, liveLines, prepaidOf, progressOf, tell, tellRecovery } from './proxy/tell.ts'
import { stateFolder, stateHome } from './state.ts'

interface ProxyOptions {
  readonly to?: string
  readonly host: string
  readonly port: string
  readonly name?: readonly string[]
  readonly max: string
  readonly maxPrice?: string
  readonly ahead: string
  readonly maxRisk: string
  readonly schemes: string
  readonly maxFee: string
  readonly node: string
  readonly idle: string
  readonly requireToken?: boolean
  readonly dryRun?: boolean
  readonly private?: boolean
  readonly location?: boolean
  readonly insecure?: boolean
  readonly json?: boolean
}

const LIVE_MS = 250

const EXAMPLES = `
Examples:
  streampay proxy --to https://seller.example --max "500 sat"
      OPENAI_BASE_URL=http://127.0.0.1:2404/v1 python chat.py
  streampay proxy
      HTTP_PROXY=http://127.0.0.1:2404 python get.py
      curl http://127.0.0.1:2404/pay/https://seller.example/film.mp4 -o film.mp4
  streampay proxy callers add reader --per-day "100 sat"

It pays until Ctrl-C, which closes the agreements and takes back what was not used: docs/proxy.md.`

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .description('A local HTTP proxy that pays for whatever goes through it')
    .option('--to <url>', 'one seller: /x of this server is /x there')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'where to listen; 0 takes a free one', '2404')
    .option('--name <host>', 'a name under which it is asked, besides loopback; may be repeated', collect)
    .addOption(maxOption())
    .addOption(maxPriceOption())
    .addOption(aheadOption())
    .addOption(maxRiskOption())
    .addOption(schemesOption())
    .addOption(maxFeeOption())
    .addOption(nodeOption())
    .option('--idle <time>', 'closes an agreement that was not used for so long', '5min')
    .option('--require-token', 'serves only callers with a token')
    .option('--dry-run', 'answers what would be paid, and pays nothing')
    .option('--private', 'goes to hosts of private networks too')
    .option('-L, --location', 'passes on redirects of --to that lead to other hosts')
    .option('--insecure', 'listens off this machine, and pays over plain http to other machines')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: ProxyOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await proxy(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
  return command.addCommand(callersCommand())
}

const collect = (name: string, names: readonly string[] = []): readonly string[] => [...names, name]

async function proxy(options: ProxyOptions, spoken: Output): Promise<number> {
  const events = new LocalEvents()
  const output = toldTo(spoken, events)
  const { host, insecure = false, requireToken = false, dryRun = false } = options
  const to = options.to === undefined ? undefined : new URL(readUrl(options.to))
  const port = readPort(options.port)
  const max = parseMsat(options.max)
  const ahead = parseMsat(options.ahead)
  const maxRisk = parseMsat(options.maxRisk)
  const schemes = readSchemes(options.schemes)
  const maxPrice = options.maxPrice === undefined ? undefined : readPrices(options.maxPrice)
  const maxFeePercent = readPercent(options.maxFee)
  const idleMs = readDuration(options.idle)
  checkServing({ host, insecure })
  if (!isLoopbackHost(host) && !requireToken) {
    throw new StreamError('option-invalid', `on ${host} others could spend: --host goes with --require-token`)
  }
  const signal = interruptSignal(() => output.say('stopping: closing the agreements; Ctrl-C again leaves at once'))
  const callers = new Callers(callersFile())
  callers.list()
  const journal = openUserJournal()
  const opening = openNode(options.node, 'buyer')
  opening.catch(() => {})
  const reachable = new Reachable({ privateNetworks: options.private === true, to })
  const upstream = new Upstream(reachable)
  const onEvent = (event: Parameters<typeof tell>[0]) => tell(event, output)
  const purses = new Purses({
    node: opening,
    journal,
    callers,
    fetch: upstream.fetch,
    max,
    ahead,
    schemes,
    maxRisk,
    maxFeePercent,
    insecure,
    idleMs,
    onEvent,
    ...(maxPrice && { maxPrice }),
  })
  const node = await unlessAborted(opening, signal)
  const api = openLocalApi({
    ...{ node, journal, callers, events, dryRun },
    maxEach: max,
    fetch: upstream.fetch,
    closeTrade: (id) => purses.closeAgreement(id),
    closeSession: (id) => purses.closeSession(id),
  })
  const token = newToken()
  const running = await openProxy({
    host,
    port,
    insecure,
    hosts: options.name ?? [],
    to,
    location: options.location === true,
    requireToken,
    dryRun,
    token,
    callers,
    purses,
    upstream,
    reachable,
    api: api.handle,
    onEvent,
    onError: (error) => tell({ type: 'failure', error }, output),
  })
  const removeState = await writeState(join(stateFolder(stateHome()), 'proxy.json'), {
    url: running.url,
    pid: process.pid,
    token,
  })
  const { network } = await node.info()
  announce({ url: running.url, to, network, dryRun, found: removeState !== undefined, max }, output)
  // What a killed process left is taken up while others are served already.
  const recovering = dryRun
    ? Promise.resolve()
    : purses.recover(signal).then(
        (recovery) => tellRecovery(recovery, output),
        (error) => tell({ type: 'failure', error }, output),
      )
  const live = setInterval(() => {
    output.live(liveLines(purses.trades, purses.prepaid))
    for (const one of purses.trades) if (one.trade.active > 0) output.event('progress', progressOf(one))
    for (const one of purses.prepaid) if (one.prepaid.active > 0) output.event('progress', prepaidOf(one))
  }, LIVE_MS)
  await aborted(signal)
  clearInterval(live)
  output.live([])
  removeState?.()
  // Who listens there would keep a connection open.
  await api.close()
  await running.close()
  await recovering
  await purses.close()
  const trades = purses.trades.map(progressOf)
  output.event('end', { ok: true, trades, prepaid: purses.prepaid.map(prepaidOf) })
  upstream.close()
  await journal.end()
  await node.close()
  return 0
}
