// Two sellers and two buyers, each in a thread with a node of its own, in one process. The buyers share a journal.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { openJournal } from 'streampay/buyer'
import { tell } from './talk.mjs'

const [home] = process.argv.slice(2)
const secrets = { 'seller-1': new Uint8Array(32).fill(1), 'seller-2': new Uint8Array(32).fill(2) }

class Thread {
  #asked = new Map()
  #count = 0
  #reading = Promise.withResolvers()

  static async start(name) {
    const thread = new Thread()
    thread.worker = new Worker(new URL('./thread.mjs', import.meta.url), {
      workerData: { home, name, secret: secrets[name] },
    })
    thread.ended = once(thread.worker, 'exit').then(([code]) => code)
    const ready = Promise.withResolvers()
    thread.worker.on('error', ready.reject)
    thread.worker.on('message', (message) => {
      if (message.ready) ready.resolve()
      else if (message.read) thread.#reading.resolve()
      else thread.#asked.get(message.id)(message)
    })
    await ready.promise
    return thread
  }

  ask(ask, rest = {}) {
    const id = this.#count++
    this.worker.postMessage({ id, ask, ...rest })
    return new Promise((resolve, reject) => {
      this.#asked.set(id, (message) =>
        message.failed ? reject(new Error(JSON.stringify(message.failed))) : resolve(message),
      )
    }).then(({ result, listeners }) => listeners ?? result)
  }

  /** Begins to read, and resolves when it is in the middle of it. */
  async midway(url) {
    this.#reading = Promise.withResolvers()
    const ended = this.ask('read', { url })
    await Promise.race([this.#reading.promise, ended])
    return { ended }
  }

  /** Ends as its user would, and by itself. */
  async end() {
    const listeners = await this.ask('end')
    return { code: await this.ended, listeners }
  }
}

/** A place that stays the same while the seller behind it ends and comes back. */
async function door() {
  const at = { port: 0 }
  const server = createServer((socket) => {
    const inner = connect(at.port, '127.0.0.1')
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ]) {
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { at, server, url: `http://127.0.0.1:${server.address().port}/` }
}

const [first, second] = [await door(), await door()]
let [seller1, seller2, buyer1, buyer2] = await Promise.all(
  ['seller-1', 'seller-2', 'buyer-1', 'buyer-2'].map(Thread.start),
)
first.at.port = await seller1.ask('open')
second.at.port = await seller2.ask('open')
const journal = openJournal(`${home}/journal.db`)
const spent = async () => (await journal.spending()).total

// One limit for both.
await journal.setLimit('total', 150_000n)
const limited = await Promise.all([buyer1.ask('read', { url: first.url }), buyer2.ask('read', { url: second.url })])
const limitedAt = await spent()
const closed = [await buyer1.ask('close'), await buyer2.ask('close')]

// A buyer's thread is ended in mid-stream; what it held is another's to take up, and what a living one holds is not.
await journal.setLimit('total', undefined)
const [one, two] = await Promise.all([buyer1.midway(first.url), buyer2.midway(second.url)])
one.ended.catch(() => {})
await buyer1.worker.terminate()
buyer1 = await Thread.start('buyer-1')
const recovered = await buyer1.ask('recover')

// A seller's thread is ended in mid-stream, and comes back with its ledger.
await seller2.worker.terminate()
seller2 = await Thread.start('seller-2')
second.at.port = await seller2.ask('open')
const interrupted = await two.ended
const again = await buyer2.midway(second.url)
// Ends its own reading.
const closedAfter = await buyer2.ask('close')
const cancelled = await again.ended

const payments = await journal.payments()
const paidBySeller = [...(await seller1.ask('paid')), ...(await seller2.ask('paid'))]
const ends = []
for (const thread of [buyer1, buyer2, seller1, seller2]) ends.push(await thread.end())
const abandoned = (await journal.abandonedPayments()).length
await journal.end()
for (const { server } of [first, second]) server.close()
tell({
  result: {
    ...{ limited, limitedAt, closed, recovered, interrupted, cancelled, closedAfter, ends, abandoned, paidBySeller },
    payments: payments.map(({ agreementId, amount, status }) => ({ agreementId, amount, status })),
    open: (await Promise.resolve(payments)).filter(({ status }) => /pending|unknown/.test(status)).length,
  },
})
