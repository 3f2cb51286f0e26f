import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { Command } from 'commander'
import { type Buyer, createBuyer } from '../buyer/buyer.ts'
import type { Closing } from '../buyer/closing.ts'
import { StreamError } from '../errors/error.ts'
import { openJournal } from '../ledger/index.ts'
import { formatMsat, parseMsat } from '../money/msat.ts'
import { fromProblem } from '../wire/problem.ts'
import { encodeStatement } from '../wire/statement.ts'
import { interruptSignal } from './interrupt.ts'
import { openNode } from './node.ts'
import { aheadOption, jsonOption, maxOption, maxPriceOption, nodeOption, readUrl } from './options.ts'
import { formatUnits, LiveLines, meterLine } from './output/meter.ts'
import { createOutput, dim, green, type Output, reportError } from './output/output.ts'
import { recordOf } from './output/record.ts'
import { stateFolder, stateHome } from './state.ts'

interface GetOptions {
  readonly output?: string
  readonly data?: string
  readonly request?: string
  readonly header: readonly string[]
  readonly max: string
  readonly maxPrice?: string
  readonly ahead: string
  readonly node: string
  readonly keep?: boolean
  readonly json?: boolean
}

const PROGRESS_MS = 200

export function getCommand(): Command {
  return new Command('get')
    .description('Fetch a URL and pay for it while it comes')
    .argument('<url>')
    .option('-o, --output <file>', 'write the body here instead of to stdout')
    .option('-d, --data <body>', 'send a body; @FILE reads it from a file. Makes it a POST')
    .option('-X, --request <method>', 'the HTTP method')
    .option(
      '-H, --header <line>',
      'a request header, "Name: value"; may be repeated',
      (line, all: string[]) => [...all, line],
      [],
    )
    .addOption(maxOption())
    .addOption(maxPriceOption())
    .addOption(aheadOption())
    .addOption(nodeOption())
    .option('--keep', 'leave the agreement open, with its balance')
    .addOption(jsonOption())
    .action(async (url: string, options: GetOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await get(url, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function get(text: string, options: GetOptions, output: Output): Promise<number> {
  const url = readUrl(text)
  const max = parseMsat(options.max)
  const signal = interruptSignal()
  const request = requestInit(options)
  const journal = openJournal(join(stateFolder(stateHome(), 'buyer'), 'journal.db'))
  const nodeReady = openNode(options.node, 'buyer')
  const buyer = createBuyer({
    node: nodeReady,
    max,
    ahead: options.ahead,
    journal,
    ...(options.maxPrice !== undefined && { maxPrice: options.maxPrice }),
  })
  const lines = new LiveLines()
  const progress = setInterval(() => show(buyer, lines, output, max), PROGRESS_MS)
  let failure: unknown
  try {
    await nodeReady
    const response = await buyer.fetch(url, { ...request, signal })
    await transfer(response, options, output)
    if (!response.ok)
      failure = new StreamError('seller-failed', `${url} answered ${response.status}`, { status: `${response.status}` })
  } catch (error) {
    failure = error
  }
  clearInterval(progress)
  lines.clear()
  const closings = await buyer.close({ keep: options.keep === true }).catch((error) => {
    failure ??= error
    return []
  })
  const code = finish(buyer, closings, failure, output)
  await journal.end()
  await (await nodeReady.catch(() => undefined))?.close()
  return code
}

function requestInit({ data, request, header }: GetOptions): RequestInit {
  const headers = new Headers()
  for (const line of header) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new StreamError('option-invalid', `"${line}" is not a header; write "Name: value"`)
    headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim())
  }
  if (data !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const body = data?.startsWith('@') ? new Uint8Array(readFileSync(data.slice(1))) : data
  return { method: request ?? (data === undefined ? 'GET' : 'POST'), headers, ...(body !== undefined && { body }) }
}

/** Hands the body on as it comes. With `--json` and no file it becomes events, so that nothing that was paid for is lost. */
async function transfer(response: Response, { output: file, json }: GetOptions, output: Output): Promise<void> {
  output.event('response', { status: response.status, type: response.headers.get('content-type') ?? '' })
  if (!response.ok) {
    const text = await response.text()
    throw (
      problemOf(text) ??
      new StreamError('seller-failed', `the seller answered ${response.status}`, { status: `${response.status}` })
    )
  }
  if (!response.body) return
  const sink: Writable | undefined = file !== undefined ? createWriteStream(file) : json ? undefined : process.stdout
  for await (const chunk of response.body) {
    if (sink) await write(sink, chunk)
    else output.event('data', { base64: Buffer.from(chunk).toString('base64') })
  }
  if (file !== undefined && sink) await new Promise<void>((resolve, reject) => sink.on('error', reject).end(resolve))
}

function problemOf(text: string): StreamError | undefined {
  try {
    return fromProblem(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Writes with backpressure: a reader that pauses pauses the stream, and with it the payments. */
function write(sink: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

function show(buyer: Buyer, lines: LiveLines, output: Output, max: bigint): void {
  const trades = buyer.trades
  if (!process.stdout.isTTY || output.json)
    lines.draw(trades.map((trade) => meterLine(trade, parseMsat(`${max} msat`))))
  for (const trade of trades) output.event('progress', { ...recordOf(trade) })
}

function finish(buyer: Buyer, closings: readonly Closing[], failure: unknown, output: Output): number {
  const dispute = closings.find((closing) => closing.dispute)?.dispute
  const code = failure || dispute ? reportError(failure ?? dispute, output) : 0
  buyer.trades.forEach((trade, i) => {
    const closing = closings[i]
    output.event('end', {
      ok: code === 0,
      ...recordOf(trade),
      returned: `${trade.returned}`,
      ...(closing && { return: closing.returned, statement: encodeStatement(closing.statement) }),
    })
    const back = trade.returned > 0n ? ` · ${formatMsat(trade.returned)} came back` : ''
    output.say(
      `${code === 0 ? green('done') : 'ended'} ${formatUnits(trade.steps, trade.unit)} for ${formatMsat(trade.received)}` +
        ` in ${(trade.durationMs / 1000).toFixed(1)} s · ${trade.payments} payments, fees ${formatMsat(trade.fees)}${back}`,
    )
    output.say(dim(`     at risk at most ${formatMsat(trade.maxAhead)} of ${formatMsat(trade.ahead)}`))
  })
  if (buyer.trades.length === 0 && code === 0) output.event('end', { ok: true, paid: '0' })
  return code
}
