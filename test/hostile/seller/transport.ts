import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { type Attack, mustBe } from '../attack.ts'
import { AHEAD, film, KIB, mustHavePaid, type Sale, sell, worst } from '../sale.ts'
import { push } from '../speaker/goods.ts'
import type { Lies } from '../speaker/seller.ts'

/** What is sold is what travels: a body that swells when it is decoded is not worth more for that. */
export const swelling: Attack = {
  name: 'content-encoding',
  side: 'seller',
  what: 'sends four kibibytes that are gzip, or brotli, of megabytes of zeros, to a buyer that asked for no encoding',
  async run(stage) {
    const zeros = new Uint8Array(4 << 20)
    const encodings = [
      ['gzip', gzipSync(zeros)],
      ['br', brotliCompressSync(zeros)],
      ['gzip, gzip', gzipSync(gzipSync(zeros))],
    ] as const
    const sales: Sale[] = []
    for (const [encoding, bytes] of encodings) {
      const sale = await sell(stage, {
        worth: (_, stall) => BigInt(stall.taken),
        lies: {
          use: async ({ stall, outgoing }) => {
            outgoing.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': encoding })
            await push(stall, outgoing, bytes)
            outgoing.end()
          },
        },
      })
      mustHavePaid(sale)
      sales.push(sale)
    }
    return worst(sales)
  },
}

/** A credential is for the place that it was made for. */
export const redirected: Attack = {
  name: 'redirected-credential',
  side: 'seller',
  what: 'redirects the first request, uses and control actions to another origin, by 301, 302, 307 and 308',
  async run(stage) {
    const stolen: string[] = []
    let sentAway = 0
    const thief = createServer((incoming, outgoing) => {
      const { authorization } = incoming.headers
      if (authorization) stolen.push(authorization)
      outgoing.writeHead(200).end('stolen')
    })
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve))
    const location = `http://127.0.0.1:${(thief.address() as AddressInfo).port}/`
    const sales: Sale[] = []
    for (const status of [301, 302, 307, 308]) {
      const redirect = (outgoing: ServerResponse): void => {
        sentAway++
        outgoing.writeHead(status, { location }).end()
      }
      const away: Lies['use'] = ({ outgoing }) => redirect(outgoing)
      const use: Lies['use'] = async (visit) => void ((await film(visit, 24)) && visit.outgoing.end())
      const bent: readonly Lies[] = [
        { plain: (_, __, outgoing) => redirect(outgoing) },
        { use: away },
        { accept: away },
        { use, invoices: away, watch: away, close: away },
        { use, return: away },
      ]
      for (const lies of bent) sales.push(await sell(stage, { lies, order: { patienceMs: 5000 } }))
    }
    thief.closeAllConnections()
    thief.close()
    mustBe(sentAway >= sales.length, 'nothing was redirected')
    return worst(sales, {
      also: [{ measure: 'credentials seen elsewhere', loss: BigInt(stolen.length), bound: 0n }],
    })
  },
}

/** Lengths that do not fit: announced and not sent, sent beyond what was announced. */
export const falseLength: Attack = {
  name: 'false-length',
  side: 'seller',
  what: 'announces a hundred times the bytes that come, and ends early; so the buyer expects far more than it gets',
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        use: async ({ stall, outgoing }) => {
          outgoing.writeHead(200, { 'content-type': 'video/mp4', 'content-length': `${800 * KIB}` })
          for (let i = 0; i < 8; i++) await push(stall, outgoing, new Uint8Array(KIB))
          await new Promise((resolve) => setTimeout(resolve, 800))
          outgoing.destroy()
        },
      },
      order: { fetches: 3 },
    })
    mustHavePaid(sale)
    return worst([sale], { bound: AHEAD })
  },
}
