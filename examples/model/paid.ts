import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LightningNetData, startLightningNet } from '../../lightning-net/network.ts'
import { printer } from '../../lightning-net/printer.ts'
import { formatMsat, msat } from '../../src/money/msat.ts'
import { canRun } from '../../src/nodectl/programs/build.ts'
import { serveGatedModel } from './gated.ts'
import { startModelServer } from './server.ts'
import { modelAvailable } from './setup.ts'
import { type Bought, buyAnswer, type Sold, sellModel } from './trade.ts'

/*
 * A model that is paid for while it speaks, over two real LND nodes: bob, on neutrino, sells it; alice, on btcd, buys.
 * First per token, then per second, and then with a purse that is too small for the answer.
 */

const QUESTIONS = [
  { price: '1 sat/token', question: 'Explain, step by step, how a lightning storm forms.' },
  { price: '10 sat/s', question: 'Explain, step by step, how rain forms.' },
]
const PURSE = '30 sat'
// Wide enough for the model's speed times the time of a payment; with half of this it waits for money now and then.
const CREDIT = '20 sat'
const AHEAD = '40 sat'
const MAX_TOKENS = 200

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(): Promise<void> {
  const net = canRun()
  if (!net.ok) throw new Error(net.reason)
  const model = modelAvailable()
  if (model !== true) throw new Error(model)
  await using ends = new AsyncDisposableStack()
  const interrupt = () => void ends.disposeAsync().then(() => process.exit(130))
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const home = await mkdtemp(join(tmpdir(), 'streampay-model-'))
  ends.defer(() => rm(home, { recursive: true, force: true }))
  const server = await startModelServer({ port: 0 })
  ends.defer(server.close)
  const progress = printer()
  const lightning = await startLightningNet({ onProgress: process.stderr.isTTY ? progress : say })
  ends.defer(lightning.stop)
  for (const { price, question } of QUESTIONS) {
    say(`\n\n  bob sells  ${server.url}  for  ${price}, credit ${CREDIT}`)
    say(`  alice asks "${question}" and pays at most ${AHEAD} ahead\n`)
    const sale = await sellModel({ url: server.url, price, credit: CREDIT, node: lightning.bob.spec, home })
    ends.defer(async () => void (await sale.stop()))
    const bought = await buyAnswer({
      url: sale.url,
      question,
      maxTokens: MAX_TOKENS,
      ahead: AHEAD,
      node: lightning.alice.spec,
      home,
      onText: (text) => void process.stdout.write(text),
    })
    const [sold] = await sale.stop()
    process.stdout.write('\n')
    say(report(bought, sold))
  }
  await server.close()
  await buyWithSmallPurse(lightning, home)
}

/** The model is behind the gate in one process here, so it can be seen to stop when the money does. */
async function buyWithSmallPurse({ alice, bob }: LightningNetData, home: string): Promise<void> {
  const price = '1 sat/token'
  const gated = await serveGatedModel({ price, credit: CREDIT, node: bob.spec })
  try {
    say(`\n\n  bob sells the model from inside its process for ${price}, credit ${CREDIT}; alice has only ${PURSE}\n`)
    const refusal = await buyAnswer({
      url: gated.url,
      question: 'Write a long story about a storm.',
      maxTokens: MAX_TOKENS,
      ahead: AHEAD,
      max: PURSE,
      node: alice.spec,
      home,
      onText: (text) => void process.stdout.write(text),
    }).then(
      () => 'alice got it all',
      (error: Error) => error.message,
    )
    process.stdout.write('\n')
    say(
      `\n  ended       ${refusal}\n  computed    ${await gated.tokens()} tokens of ${MAX_TOKENS}: the model stood still`,
    )
  } finally {
    await gated.close()
  }
}

function report(bought: Bought, sold: Sold | undefined): string {
  const {
    tokens,
    delivered,
    paid,
    returned,
    fees,
    payments,
    maxAhead,
    ahead,
    durationMs,
    firstByteMs,
    stallMs,
    statement,
  } = bought
  // By the seller's clock where time is sold; the buyer's own count may be a little more.
  const charged = BigInt(statement?.delivered ?? delivered)
  const rate = (tokens / (durationMs - firstByteMs)) * 1000
  const money = (amount: bigint) => formatMsat(msat(amount))
  const lines = [
    `delivered   ${tokens} tokens in ${(durationMs / 1000).toFixed(1)} s, the first after ${(firstByteMs / 1000).toFixed(1)} s`,
    `speed       ${rate.toFixed(0)} tokens/s; ${stallMs} ms without money`,
    `paid        ${money(paid)} in ${payments} payments, fees ${money(fees)}; charged ${money(charged)}, ${money(returned)} came back`,
    `at risk     alice ${money(maxAhead)} of ${money(ahead)}; bob ${sold ? `${money(sold.maxUnpaid)} of ${money(sold.credit)}` : 'unknown'}`,
    `statement   ${statement?.state ?? 'none'}, signed by ${statement?.payee?.slice(0, 16) ?? 'nobody'}…`,
  ]
  return `\n${lines.map((line) => `  ${line}`).join('\n')}`
}

await main().catch((error: Error) => {
  say(error.message)
  process.exitCode = 1
})
// gRPC connections to the nodes would hold this process.
process.exit()
