import { join } from 'node:path'
import { createEmbeddedNode } from '../../../lightning/embedded/index.ts'
import { msat, sat } from '../../../money/msat.ts'
import { Payouts } from '../payouts.ts'
import { PayoutStore } from '../store.ts'

/** A platform that earns and pays out until it is killed, or asked to end. Started as `child.ts HOME RUN`. */
const [home = '', run = ''] = process.argv.slice(2)
const [node, creator] = await Promise.all([
  createEmbeddedNode({ home, name: 'platform' }),
  createEmbeddedNode({ home, name: 'creator' }),
])
const store = new PayoutStore(join(home, 'payouts.db'))
const recipients = new Map([['creator', { node: creator, threshold: sat(2), intervalMs: 0 }]])
const payouts = new Payouts({ store, node, recipients, lookMs: 5 })
const weights = new Map([
  ['platform', 7n],
  ['creator', 93n],
])
store.begin(run, 'films', weights)
let total = 0n
const earning = setInterval(() => {
  total += 1999n
  store.earn(run, msat(total), false)
}, 10)
payouts.start()
process.on('disconnect', () => process.exit())
process.on('message', async () => {
  clearInterval(earning)
  while (store.pending('creator') || store.owed('creator') >= sat(2)) {
    await payouts.round()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await payouts.close()
  const standings = store.standings().map(({ recipient, earned, paid }) => ({ recipient, earned, paid }))
  let received = 0n
  for (const { received: one } of await creator.listInvoices({ limit: 1000 })) received += one
  const listed = store.list(10_000)
  process.send!({
    standings,
    received,
    statuses: [...new Set(listed.map(({ status }) => status))],
    count: listed.length,
  })
})
process.send!({ ready: true })
