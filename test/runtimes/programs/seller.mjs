// A seller on disk, behind the server of the runtime that runs it: `/goods` has so many bytes, `/endless` has no end.
import process from 'node:process'
import { createEmbeddedNode } from 'streampay/lightning'
import { openLedger, paywall } from 'streampay/seller'
import { listen } from './listen.mjs'
import { source } from './source.mjs'
import { answer, failure, tell } from './talk.mjs'

const [home, ofNode] = process.argv.slice(2)
const told = { pulled: 0, cancelled: false }
const errors = []
const node = await createEmbeddedNode({ home, name: 'seller' })
const ledger = openLedger(`${home}/ledger.db`)
let earned = 0n
const wall = paywall({
  node,
  price: '1 sat/KiB',
  credit: '2 sat',
  ledger,
  onEvent: (event) => {
    if (event.type === 'error') errors.push(failure(event.error))
    if (event.type === 'paid') earned = event.account.gate.paid
  },
})
const sold = wall((request) => {
  const endless = new URL(request.url).pathname === '/endless'
  return new Response(source(endless ? Number.POSITIVE_INFINITY : 200 * 1024, told))
})
const server = await listen(
  (request) => (new URL(request.url).pathname === '/free' ? new Response(source(1 << 30, told)) : sold(request)),
  ofNode === 'node',
)
tell({ ready: server.url })
await answer({
  told: async () => ({ ...told, errors, earned }),
  end: async () => {
    await server.close()
    await wall.close()
    await ledger.end()
    await node.close()
  },
})
