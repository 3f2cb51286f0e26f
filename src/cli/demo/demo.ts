import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { type Buyer, createBuyer } from '../../buyer/buyer.ts'
import { toStreamError } from '../../errors/error.ts'
import type { EmbeddedNode } from '../../lightning/embedded/index.ts'
import { formatMsat, parseMsat } from '../../money/msat.ts'
import { serve } from '../../seller/adapters/node.ts'
import { Seller } from '../../seller/seller.ts'
import { interruptSignal, unlessAborted } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { bold, cyan, dim, green, red, yellow } from '../output/colour.ts'
import { meterLine, plural } from '../output/meter.ts'
import { createOutput, type Output } from '../output/output.ts'
import { type EndRecord, endRecordOf } from '../output/record.ts'
import { reportError } from '../output/reportError.ts'
import { prepareShows, type Show, stage } from './shows.ts'

const HALT_AT_MS = 3500
const HALT_FOR_MS = 3000
const FRAME_MS = 100
const MAX = parseMsat('300 sat')

export function demoCommand(): Command {
  return new Command('demo')
    .description('Two Lightning nodes, a channel, and two paid streams, all on this machine; under a minute')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay demo --json | tail -n 1')
    .action(async ({ json = false }: { json?: boolean }) => {
      // The talk is on stderr with --json too; stdout has one line, the last.
      const output = createOutput(false)
      const signal = interruptSignal(() => output.say('stopping'))
      const home = mkdtempSync(join(tmpdir(), 'streampay-demo-'))
      // Also when a second Ctrl-C ends it at once.
      process.on('exit', () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }))
      try {
        const streams = await unlessAborted(demo(home, signal, output), signal)
        const ok = streams.every((stream) => kept(stream) && stream.halted > 0)
        if (json) process.stdout.write(`${JSON.stringify({ ok, nodes: 'embedded', network: 'regtest', streams })}\n`)
        process.exitCode = ok ? 0 : 1
      } catch (error) {
        output.live([])
        process.exitCode = reportError(error, output)
        if (json)
          process.stdout.write(
            `${JSON.stringify({ ok: false, exit: process.exitCode, error: String(toStreamError(error)) })}\n`,
          )
      }
      process.exit()
    })
}

async function demo(home: string, signal: AbortSignal, { say, live }: Output): Promise<EndRecord[]> {
  say(bold('Stream: money flows while the data flows'))
  say(dim('Two real Lightning nodes on a private chain. Nothing leaves this machine.\n'))
  const { createEmbeddedNode } = await import('../../lightning/embedded/index.ts')
  const startedAt = performance.now()
  const sellerNode = await createEmbeddedNode({ home, name: 'seller' })
  const buyerNode = await createEmbeddedNode({ home, name: 'buyer' })
  const { publicKey } = await sellerNode.info()
  await buyerNode.openChannelTo(publicKey)
  const tookS = ((performance.now() - startedAt) / 1000).toFixed(1)
  say(`  nodes    buyer and seller ${cyan(`${publicKey.slice(0, 16)}…`)}, a channel between them, in ${tookS} s`)
  const seller = new Seller({ node: sellerNode })
  const shows = prepareShows(join(home, 'folder'))
  const server = await serve(stage(seller, shows), { port: 0 })
  for (const { title, price, credit, ahead } of shows) {
    say(`  selling  ${title.padEnd(28)} ${cyan(price.padEnd(10))} ${dim(`credit ${credit}, ahead ${ahead}`)}`)
  }
  say('')
  try {
    return await buyAll(shows, server.url, seller, buyerNode, signal, { say, live })
  } finally {
    await server.close(0)
    await seller.close()
    await Promise.all([buyerNode.close(), sellerNode.close()])
  }
}

async function buyAll(
  shows: readonly Show[],
  url: string,
  seller: Seller,
  node: EmbeddedNode,
  signal: AbortSignal,
  { say, live }: Pick<Output, 'say' | 'live'>,
): Promise<EndRecord[]> {
  const buyers = shows.map(({ ahead }) => createBuyer({ node, max: MAX, ahead }))
  let note = dim('both streams are bought at once; each payment is a Lightning payment')
  const frame = setInterval(() => {
    live([...shows.flatMap(({ title }, i) => meters(title, buyers[i]!)), '', `  ${note}`])
  }, FRAME_MS)
  const halt = setTimeout(() => {
    note = yellow("the buyer's payments are held back for three seconds: watch the streams halt")
    if (!process.stderr.isTTY) say(`  ${note}`)
    void node.pausePayments(true)
  }, HALT_AT_MS)
  const resume = setTimeout(() => {
    note = green('payments go on, and so do the streams')
    if (!process.stderr.isTTY) say(`  ${note}`)
    void node.pausePayments(false)
  }, HALT_AT_MS + HALT_FOR_MS)
  try {
    await Promise.all(shows.map((show, i) => play(show, url, buyers[i]!, signal)))
  } finally {
    clearInterval(frame)
    clearTimeout(halt)
    clearTimeout(resume)
    await node.pausePayments(false)
    live([])
  }
  const streams: EndRecord[] = []
  for (const [i, buyer] of buyers.entries()) {
    // Held until the seller's figures are read: closing lets go of the account.
    const accounts = new Map(seller.accounts.inMemory)
    const closings = await buyer.close()
    const [trade] = buyer.trades
    const stream = endRecordOf(trade!, closings[0], accounts.get(trade!.agreement))
    streams.push(stream)
    report(shows[i]!, stream, say)
  }
  return streams
}

const meters = (title: string, buyer: Buyer): string[] => [
  `  ${bold(title)}`,
  ...(buyer.trades.length > 0
    ? buyer.trades.map((trade) => `  ${meterLine(trade, MAX)}`)
    : [dim('  agreeing on the price …')]),
]

/** Reads a show to its end, no faster than a player would. */
async function play({ path, bytesPerSecond }: Show, url: string, buyer: Buyer, signal: AbortSignal): Promise<void> {
  const response = await buyer.fetch(url + path, { signal })
  const startedAt = performance.now()
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    const dueMs = bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1000 - (performance.now() - startedAt)
    // A player that was kept waiting does not catch up by reading faster than a little.
    if (dueMs > 5) await new Promise((resolve) => setTimeout(resolve, Math.min(dueMs, 250)))
  }
}

/** Whether both sides lost, at the worst moment, no more than they chose to risk. */
const kept = (stream: EndRecord): boolean =>
  BigInt(stream.maxUnpaid) <= BigInt(stream.credit) && BigInt(stream.maxAhead) <= BigInt(stream.ahead)

function report({ title }: Show, stream: EndRecord, say: Output['say']): void {
  const mark = kept(stream) ? green('held') : red('broken')
  const sum = (text: string): string => formatMsat(BigInt(text))
  say(`  ${bold(title)}`)
  say(
    `    ${plural(stream.payments, 'payment')}: ${sum(stream.paid)} paid, ${sum(stream.delivered)} delivered, ${sum(stream.returned)} returned${stream.fees === '0' ? '' : `; fees ${sum(stream.fees)}`}`,
  )
  say(
    `    first byte after ${stream.firstByteMs} ms; halted ${stream.halted} ×, ${(stream.stallMs / 1000).toFixed(1)} s in all`,
  )
  say(
    `    seller risked at most ${sum(stream.maxUnpaid)} of ${sum(stream.credit)}, buyer ${sum(stream.maxAhead)} of ${sum(stream.ahead)}: ${mark}`,
  )
}
