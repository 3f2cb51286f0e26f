import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { formatChallenge } from '../../../src/wire/header.ts'
import { encodeStatement } from '../../../src/wire/statement.ts'
import { type Attack, type Measure, mustBe, sleep } from '../attack.ts'
import { film, type Sale, sell, worst } from '../sale.ts'
import { flood } from '../speaker/goods.ts'
import type { Lies, Stall, Visit } from '../speaker/seller.ts'

const MIB = 1 << 20
/** What is poured where a small answer is due. */
const POURED = 96 * MIB
/** What a buyer may take of it before it turns away: its own bound of 256 KiB, and what lies in the sockets' buffers. */
const TAKEN = 12n * BigInt(MIB)
const HELD = 48n * BigInt(MIB)
const filling = 'x'.repeat(64 * 1024)

/** JSON that begins well and never ends. */
async function pour(
  stall: Stall,
  outgoing: ServerResponse,
  status = 200,
  head: Record<string, string> = {},
): Promise<void> {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...head })
  outgoing.write('{"agreement":"')
  await flood(stall, outgoing, filling, POURED)
}

const byBytes = (sales: readonly Sale[]): Measure[] => [
  {
    measure: 'bytes taken',
    loss: BigInt(sales.reduce((most, { stall }) => Math.max(most, stall.taken), 0)),
    bound: TAKEN,
  },
  {
    measure: 'bytes held',
    loss: BigInt(sales.reduce((most, { purchase }) => Math.max(most, purchase.grownAtMost), 0)),
    bound: HELD,
  },
]

/** Answers without an end, in every place where a small one is due. */
export const hugeAnswers: Attack = {
  name: 'huge-answers',
  side: 'seller',
  what: `pours ${POURED / MIB} MiB into the answer to an acceptance, to a request for invoices, to a close, to a return, and into a 402`,
  alone: true,
  async run(stage) {
    const use = async (visit: Visit) => void ((await film(visit, 8, 20)) && visit.outgoing.end())
    const into = (action: 'accept' | 'invoices' | 'close' | 'return'): Lies => ({
      use,
      [action]: ({ stall, outgoing }: Visit) => pour(stall, outgoing),
    })
    const sales: Sale[] = []
    for (const action of ['accept', 'invoices', 'close', 'return'] as const) {
      sales.push(await sell(stage, { lies: into(action), order: { patienceMs: 3000, weighed: true } }))
    }
    const plain: Lies['plain'] = (stall, _, outgoing) =>
      pour(stall, outgoing, 402, { 'www-authenticate': formatChallenge(stall.challenge()) })
    sales.push(await sell(stage, { lies: { plain }, order: { patienceMs: 3000, weighed: true } }))
    const [bytes, held] = byBytes(sales)
    return worst(sales, { also: [bytes!, held!] })
  },
}

/** A control channel that says far too much: it is read up to a bound, and the data goes on. */
export const statementFlood: Attack = {
  name: 'statement-flood',
  side: 'seller',
  what: 'floods the control channel while it delivers: with statements as fast as they are taken, with an event without end, with breaks',
  alone: true,
  async run(stage) {
    const use = async (visit: Visit) => void ((await film(visit, 60, 20)) && visit.outgoing.end())
    const open = (outgoing: ServerResponse) => outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    const watches: ReadonlyArray<NonNullable<Lies['watch']>> = [
      async ({ stall, outgoing, deal }) => {
        open(outgoing)
        const text = deal ? `data: ${JSON.stringify(encodeStatement(stall.statement(deal)))}\n\n` : ''
        await flood(stall, outgoing, text.repeat(20), POURED)
      },
      async ({ stall, outgoing }) => {
        open(outgoing)
        await flood(stall, outgoing, filling, POURED)
      },
      ({ outgoing }) => {
        open(outgoing)
        outgoing.end()
      },
    ]
    const sales: Sale[] = []
    for (const watch of watches) {
      const sale = await sell(stage, { lies: { use, watch }, order: { weighed: true } })
      mustBe(sale.purchase.fetched[0]!.bytes > 0, 'no data came')
      sales.push(sale)
    }
    const watched = sales[2]!.stall.asked.counts.watch ?? 0
    return worst(sales, {
      also: [
        byBytes(sales)[1]!,
        // Ten a second is what its shortest pause allows.
        { measure: 'new connections to watch, in the time of a film', loss: BigInt(watched), bound: 60n },
      ],
    })
  },
}

/** Heads that never end, or never begin: not a matter of this protocol, and met by its buyers. */
export const endlessHeaders: Attack = {
  name: 'endless-headers',
  side: 'seller',
  what: 'answers with headers without end, as fast as they are taken, and with one challenge of 60 KiB after the other',
  alone: true,
  async run(stage) {
    let taken = 0
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('data', async () => {
        socket.write('HTTP/1.1 402 Payment Required\r\n')
        for (let i = 0; i < POURED / filling.length && !socket.destroyed; i++) {
          const line = `x-${i}: ${filling}\r\n`
          await new Promise<void>((resolve) => {
            const end = () => {
              socket.off('close', end)
              resolve()
            }
            socket.once('close', end)
            socket.write(line, end)
          })
          if (!socket.destroyed) taken += line.length
        }
        socket.destroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const purchase = await stage.buyer.calls.buy({ url, patienceMs: 3000, fetches: 3, weighed: true })
    for (const socket of sockets) socket.destroy()
    server.close()
    await sleep(0)
    const challenge = `Payment id="${'x'.repeat(60)}", realm="r", method="lightning", intent="stream", request="e30"`
    const sale = await sell(stage, {
      lies: {
        plain: (_, __, outgoing) => {
          outgoing.writeHead(402, { 'www-authenticate': Array.from({ length: 100 }, () => challenge) })
          outgoing.end()
        },
      },
      order: { weighed: true },
    })
    mustBe(
      purchase.fetched.every(({ error }) => error !== undefined),
      'the buyer took endless headers for an answer',
    )
    const grown = Math.max(purchase.grownAtMost, sale.purchase.grownAtMost)
    return worst([sale], {
      tries: 4,
      bound: 0n,
      also: [
        { measure: 'bytes taken', loss: BigInt(taken), bound: TAKEN },
        { measure: 'bytes held', loss: BigInt(grown), bound: HELD },
      ],
    })
  },
}
