import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatMsat, msat } from '../../src/money/msat.ts'
import { buyAnswer, sellModel } from '../model/trade.ts'
import { fastapiAvailable, startApp } from './app.ts'

/* A FastAPI app, sold by `streampay sell` as it stands, and bought over two embedded nodes. */

const say = (line: string): void => void process.stderr.write(`${line}\n`)

async function main(): Promise<void> {
  const available = fastapiAvailable()
  if (available !== true) throw new Error(available)
  await using ends = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'streampay-fastapi-'))
  ends.defer(() => rm(home, { recursive: true, force: true }))
  const app = await startApp()
  ends.defer(app.close)
  const sale = await sellModel({ url: app.url, price: '1 sat/token', credit: '2 sat', node: 'embedded', home })
  const bought = await buyAnswer({
    url: sale.url,
    question: 'What is rain?',
    maxTokens: 80,
    ahead: '20 sat',
    node: 'embedded',
    home,
    onText: (text) => void process.stdout.write(text),
  })
  const [sold] = await sale.stop()
  process.stdout.write('\n')
  say(`  bought   ${bought.units} tokens for ${formatMsat(msat(bought.delivered))}, in ${bought.payments} payments`)
  say(`  at risk  seller ${formatMsat(msat(sold?.maxUnpaid ?? 0n))}, buyer ${formatMsat(msat(bought.maxAhead))}`)
}

await main().catch((error: Error) => {
  say(error.message)
  process.exitCode = 1
})
process.exit()
