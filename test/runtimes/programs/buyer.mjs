// A buyer with its journal on disk: buys what a URL has, or reads an endless stream until it is killed, or recovers what was left.
import process from 'node:process'
import { createBuyer, openJournal, recover } from 'streampay/buyer'
import { createEmbeddedNode } from 'streampay/lightning'
import { failure, tell } from './talk.mjs'

const [home, what, url] = process.argv.slice(2)
const node = await createEmbeddedNode({ home, name: 'buyer' })
const journal = openJournal(`${home}/journal.db`)

async function buy() {
  const buyer = createBuyer({ node, journal, max: '1000 sat', ahead: '10 sat' })
  const response = await buyer.fetch(url)
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.length
    if (what === 'endless' && bytes > 64 * 1024) tell({ read: bytes })
  }
  const closings = await buyer.close()
  const [trade] = buyer.trades
  return {
    bytes,
    maxAhead: trade.maxAhead,
    closings: closings.map(({ statement, returned, dispute }) => ({ statement, returned, dispute: dispute?.code })),
  }
}

async function settled() {
  const payments = await journal.payments()
  const sum = (wanted) => payments.filter(wanted).reduce((total, { amount }) => total + amount, 0n)
  return {
    settled: sum(({ status }) => status === 'settled'),
    open: sum(({ status }) => /pending|unknown/.test(status)),
  }
}

try {
  const result = what === 'recover' ? await recover({ node, journal, close: true }) : await buy()
  tell({ result: { ...result, journal: await settled() } })
} catch (error) {
  tell({ failed: failure(error) })
}
await journal.end()
await node.close()
