import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Attack, mustBe, sleep } from '../attack.ts'
import { lossOfSeller } from '../losses.ts'
import { customer, film, inTurns, KIB, openShop, PRICE } from '../shop.ts'
import { readBytes } from '../speaker/http.ts'

const CREDIT = 64_000n
const READERS = 120
const AT_ONCE = 50
const CONNECTION_BYTES = 64n * 1024n
const NOTHING_LEFT = 2048n * 1024n

/** Readers that do not read: the source pauses, and what waits in buffers is within what was paid and the credit. */
export const slowReads: Attack = {
  name: 'slow-reads',
  side: 'buyer',
  what: `opens ${READERS} answers on one paid agreement, reads nothing for two seconds, then a little every now and then`,
  alone: true,
  async run(stage) {
    const limits = { deliveriesPerAgreement: AT_ONCE }
    const shop = await openShop(stage, film({ credit: `${CREDIT} msat`, graceMs: 4000 }), { limits })
    const buyer = await customer(stage, shop, 64_000n)
    const held = await stage.seller.calls.held()
    // The head is there, and the body is not read: the sockets fill, and then the seller's source must stand still.
    const opening = inTurns(READERS, READERS, () => buyer.use())
    await sleep(2000)
    const grown = BigInt((await stage.seller.calls.held()) - held)
    const answers = await opening
    for (const answer of answers) buyer.tally.add(`${answer.status}`)
    await inTurns(answers.length, READERS, async (i) => {
      const { status } = answers[i]!
      const bytes = await readBytes(answers[i]!, 16 * KIB, 1000)
      if (status === 200) buyer.received += bytes.length
    })
    buyer.end()
    mustBe(buyer.received > 0, 'nothing came, not even what was paid for')
    return {
      tries: READERS,
      measure: 'msat',
      loss: await lossOfSeller(stage, [buyer], PRICE, BigInt(buyer.received)),
      bound: CREDIT,
      also: [
        {
          measure: 'answers at once',
          loss: BigInt(answers.filter(({ status }) => status !== 429).length),
          bound: BigInt(AT_ONCE),
        },
        { measure: 'bytes held', loss: grown, bound: NOTHING_LEFT + BigInt(READERS) * CONNECTION_BYTES },
      ],
      answers: buyer.tally.counts,
    }
  },
}

const DRIPPERS = 250

/** Requests that never come to an end of their headers: other buyers are served meanwhile, and little is held for each. */
export const slowHeaders: Attack = {
  name: 'slow-headers',
  side: 'buyer',
  what: `keeps ${DRIPPERS} connections open with a header that comes a few bytes at a time, while an honest buyer buys`,
  alone: true,
  async run(stage) {
    const shop = await openShop(stage)
    const { port } = new URL(shop.url)
    const before = await stage.seller.calls.figures(shop.id)
    const held = await stage.seller.calls.held()
    const sockets = await inTurns(DRIPPERS, 50, async () => {
      const socket: Socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nhost: a\r\nx: ')
      return socket
    })
    const dripping = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('slow')
    }, 100)
    const honest = await customer(stage, shop, 4000n)
    await honest.consume(4 * KIB)
    await sleep(1500)
    const grown = BigInt((await stage.seller.calls.held()) - held)
    const { connections } = await stage.seller.calls.figures(shop.id)
    clearInterval(dripping)
    for (const socket of sockets) socket.destroy()
    honest.end()
    mustBe(connections >= DRIPPERS - before.connections, 'the connections were not held')
    return {
      tries: DRIPPERS,
      measure: 'bytes that an honest buyer paid for and did not get',
      loss: BigInt(Math.max(0, 4 * KIB - honest.received)),
      bound: 0n,
      also: [{ measure: 'bytes held', loss: grown, bound: NOTHING_LEFT + BigInt(DRIPPERS) * CONNECTION_BYTES }],
    }
  },
}
