import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Attack, mustBe, until } from '../attack.ts'
import { AHEAD, claiming, film, KIB, PRICE_TEXT } from '../sale.ts'
import { flood } from '../speaker/goods.ts'
import { type Lies, Stall } from '../speaker/seller.ts'
import type { Stage } from '../stage.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const LIMIT_MS = 60_000

/** Runs `streampay get` against a hostile seller, with a wallet of its own. */
async function get(stage: Stage, lies: Lies) {
  const stall = await Stall.open(stage.node, stage.purse, { price: PRICE_TEXT, lies })
  const args = ['get', stall.url, '--json', '--max', '200 sat', '--ahead', `${AHEAD} msat`]
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, STREAMPAY_HOME: stage.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  await stall.close()
  const events = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
  return { stall, code, events }
}

/** The command, whole, against a seller that counts too much. */
export const getOvercounted: Attack = {
  name: 'get-overcounted',
  side: 'seller',
  what: '`streampay get` from a seller that states a hundred times what it sent, and keeps the balance',
  async run(stage) {
    const { stall, code, events } = await get(stage, {
      use: async (visit) => void ((await film(visit, 40)) && visit.outgoing.end()),
      statement: (statement) => claiming(statement, statement.steps * 100n),
      return: ({ outgoing }) => void outgoing.writeHead(500).end(),
    })
    const bytes = events.reduce(
      (sum, { base64 }) => sum + (typeof base64 === 'string' ? Buffer.from(base64, 'base64').length : 0),
      0,
    )
    const paid = stage.purse.received(stall.minted)
    mustBe(paid > 0n, 'nothing was paid')
    const loss = paid - (BigInt(bytes) * 1000n) / BigInt(KIB)
    return {
      tries: 1,
      measure: 'msat',
      loss: loss > 0n ? loss : 0n,
      bound: AHEAD,
      also: [{ measure: 'lies passed over with exit code 0', loss: code === 0 ? 1n : 0n, bound: 0n }],
    }
  },
}

/** A failure may have a long explanation: a command that shows 300 characters of it needs no more. */
export const getErrorFlood: Attack = {
  name: 'get-error-flood',
  side: 'seller',
  what: '`streampay get` from a seller that answers 500 with a body without end',
  async run(stage) {
    const { stall, code } = await get(stage, {
      plain: async (own, _, outgoing) => {
        outgoing.writeHead(500, { 'content-type': 'text/plain' })
        await flood(own, outgoing, 'x'.repeat(64 * 1024), 256 << 20)
      },
    })
    await until(() => stall.taken > 0, 1000)
    mustBe(code !== 0, 'the command called it a success')
    return { tries: 1, measure: 'bytes taken', loss: BigInt(stall.taken), bound: 12n << 20n }
  },
}
