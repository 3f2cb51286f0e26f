// A thread that sells or buys with a node of its own, and does what the main thread asks for, one thing after another.
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { createBuyer, openJournal, recover } from 'streampay/buyer'
import { createEmbeddedNode } from 'streampay/lightning'
import { openLedger, paywall, serve } from 'streampay/seller'
import { source } from './source.mjs'
import { failure } from './talk.mjs'

const { home, name, secret } = workerData
const node = await createEmbeddedNode({ home, name })

function seller() {
  const ledger = openLedger(`${home}/${name}-ledger.db`)
  const paid = new Map()
  const wall = paywall({
    ...{ node, ledger, secret, price: '1 sat/KiB', credit: '2 sat' },
    onEvent: (event) => {
      if ('account' in event) paid.set(event.account.agreement.id, event.account.gate.paid)
    },
  })
  let server
  return {
    async open() {
      server = await serve(
        wall(() => new Response(source(Number.POSITIVE_INFINITY, {}))),
        { port: 0 },
      )
      return Number(new URL(server.url).port)
    },
    /** What each agreement was paid, as this run of the seller saw it. */
    paid: async () => [...paid],
    async end() {
      await server.close(0)
      await wall.close()
      await ledger.end()
    },
  }
}

function buyer() {
  const journal = openJournal(`${home}/journal.db`)
  const open = () => createBuyer({ node, journal, max: '100000 sat', ahead: '10 sat' })
  let own = open()
  return {
    /** Reads until something ends it, and says what; tells how far it is meanwhile. */
    async read({ url }) {
      let bytes = 0
      try {
        const response = await own.fetch(url)
        for await (const chunk of response.body) {
          bytes += chunk.length
          if (bytes > 64 * 1024) parentPort.postMessage({ read: bytes })
        }
      } catch (error) {
        return { ...failure(error), details: error.details, bytes }
      }
      return { bytes }
    },
    async close() {
      const closings = await own.close()
      const trades = own.trades.map(({ maxAhead, ahead }) => ({ maxAhead, ahead }))
      own = open()
      return {
        trades,
        closings: closings.map(({ statement, returned, dispute }) => ({ statement, returned, dispute: dispute?.code })),
      }
    },
    recover: () => recover({ node, journal, close: true }),
    abandoned: async () => (await journal.abandonedPayments()).length,
    end: () => journal.end(),
  }
}

const counted = () => process.eventNames().map((event) => `${String(event)} ${process.listenerCount(event)}`)
const before = counted()
const role = name.startsWith('seller') ? seller() : buyer()
parentPort.on('message', async ({ id, ask, ...rest }) => {
  const answer = await role[ask](rest).then(
    (result) => ({ result }),
    (error) => ({ failed: failure(error) }),
  )
  // Nothing keeps the thread after that: it ends by itself, or it never does.
  if (ask === 'end') {
    await node.close()
    answer.listeners = { before, after: counted() }
  }
  parentPort.postMessage({ id, ...answer })
  // Deno's port cannot be closed, and keeps a thread for as long as it is listened to.
  if (ask === 'end') parentPort.close ? parentPort.close() : parentPort.unref()
})
parentPort.postMessage({ ready: (await node.info()).publicKey })
