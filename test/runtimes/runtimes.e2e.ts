import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { installPackage, manifest, packPackage } from '../consumers/package.ts'
import { Program } from './program.ts'
import { bun, deno, node20, node22s, node24, type Runtime } from './runtimes.ts'
import { threadsSuite } from './threads.suite.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'streampay-runtimes-'))
const consumer = path.join(dir, 'consumer')
const entries = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => path.posix.join('streampay', name))
/** Real nodes, several processes one after another. */
const SLOW = { timeout: 240_000 }
let homes = 0
const running = new Set<Program>()

beforeAll(async () => {
  await installPackage((await packPackage(dir)).tarball, consumer)
  writeFileSync(path.join(consumer, 'package.json'), '{ "type": "module" }')
  cpSync(path.join(import.meta.dirname, 'programs'), path.join(consumer, 'programs'), { recursive: true })
}, 240_000)
afterEach(async () => {
  for (const program of running) await program.kill()
  running.clear()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const newHome = (): string => {
  const home = path.join(dir, `home-${homes++}`)
  mkdirSync(home)
  return home
}
const start = (runtime: Runtime, ...args: string[]): Program => {
  const program = Program.start(runtime, consumer, [`programs/${args[0]}.mjs`, ...args.slice(1)])
  running.add(program)
  return program
}
const over = async (program: Program): Promise<void> => {
  expect(await program.ended).toBe(0)
  running.delete(program)
}

/** What `/goods` has, at 1 sat/KiB. */
const GOODS = 200 * 1024
const COST = '200000'
const SERVERS = [
  ['the server that it has', 'own'],
  ["Node's server", 'node'],
] as const
/** What sockets and streams of both sides may hold of a body that nobody reads. */
const HELD = 16 << 20

/** What a purchase has to show: paid by use, never more ahead than allowed, signed, and nothing in doubt. */
function expectBought(result: Record<string, unknown>): void {
  const { bytes, maxAhead, closings, journal } = result as {
    bytes: number
    maxAhead: string
    closings: Array<{ statement: { delivered: string; paid: string; returned: string }; dispute?: string }>
    journal: { settled: string; open: string }
  }
  expect(bytes).toBe(GOODS)
  expect(BigInt(maxAhead)).toBeLessThanOrEqual(10_000n)
  expect(closings).toHaveLength(1)
  expect(closings[0]!.dispute).toBeUndefined()
  expect(closings[0]!.statement.delivered).toBe(COST)
  expect(journal).toEqual({ settled: closings[0]!.statement.paid, open: '0' })
}

/** Waits until a number that grows has stood still for a while: what is asserted of it afterwards is a bound, not a time. */
async function still(count: () => Promise<number>): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    const now = await count()
    same = now === last ? same + 1 : 0
    last = now
    if (same === 10) return now
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

for (const runtime of [...node22s, deno, bun]) {
  const { title, missing } = runtime
  describe.skipIf(missing !== undefined)(`the package in ${missing ?? title}`, SLOW, () => {
    test('every entry point loads, and books and nodes on disk open', async () => {
      const program = start(runtime, 'load', newHome(), ...entries)
      const { loaded, ...refused } = await program.line('result')
      expect(Object.keys(loaded)).toEqual(entries)
      for (const [name, count] of Object.entries(loaded)) expect(count, name).toBeTypeOf('number')
      expect(refused).toEqual({})
      await over(program)
    })

    test("the wire reads and refuses the spec's vectors", async () => {
      const program = start(runtime, 'wire')
      const { count, wrong } = await program.line('result')
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(150)
      await over(program)
    })

    test('a fetch pays a seller in Node.js', async () => {
      const home = newHome()
      const seller = start(node24, 'seller', home)
      const buyer = start(runtime, 'buyer', home, 'goods', `${await seller.line('ready')}/goods`)
      expectBought(await buyer.line('result'))
      await over(buyer)
      expect(await seller.ask('told')).toMatchObject({ errors: [] })
      await seller.ask('end')
      await over(seller)
    })

    test.each(SERVERS.slice(runtime === deno || runtime === bun ? 0 : 1))(
      'a seller on %s is paid by a buyer in Node.js, and made to wait by its reader',
      async (_, server) => {
        const home = newHome()
        const seller = start(runtime, 'seller', home, server)
        const url = await seller.line('ready')
        const buyer = start(node24, 'buyer', home, 'goods', `${url}/goods`)
        expectBought(await buyer.line('result'))
        await over(buyer)

        const reader = (await fetch(`${url}/free`)).body!.getReader()
        const { value } = await reader.read()
        expect(await still(async () => (await seller.ask('told')).pulled)).toBeLessThan(value!.length + HELD)
        expect(await seller.ask('told')).toMatchObject({ cancelled: false, errors: [] })
        await reader.cancel()
        await expect.poll(async () => (await seller.ask('told')).cancelled).toBe(true)
        await seller.ask('end')
        await over(seller)
      },
    )

    test('a buyer that is killed left everything in its journal, for itself and for Node.js', async () => {
      const home = newHome()
      const seller = start(node24, 'seller', home)
      const url = `${await seller.line('ready')}/endless`
      for (const next of [runtime, node24]) {
        const buyer = start(runtime, 'buyer', home, 'endless', url)
        await buyer.line('read')
        await buyer.kill()
        running.delete(buyer)
        const recovering = start(next, 'buyer', home, 'recover')
        const { agreements, payments, journal } = await recovering.line('result')
        expect(agreements.map(({ now }: { now: string }) => now)).toEqual(['closed'])
        for (const { now } of payments) expect(now).toMatch(/settled|failed/)
        expect(journal.open).toBe('0')
        await over(recovering)
      }
      const { earned, errors } = await seller.ask('told')
      expect(errors).toEqual([])
      // By the last agreement: what was read, less the credit.
      expect(BigInt(earned)).toBeGreaterThanOrEqual(62_000n)
      await seller.ask('end')
      await over(seller)
    })

    test('processes of it and of Node.js share a journal: limits hold, and the living are left alone', async () => {
      const home = newHome()
      const program = start(runtime, 'shared', home)
      expect(await program.line('holding')).toBe('its-own')
      const other = start(node24, 'shared', home, 'other')
      expect(await other.line('result')).toEqual({ taken: false, abandoned: 0, written: 60, refused: 40 })
      await over(other)
      await program.kill()
      running.delete(program)
      const third = start(runtime, 'shared', home, 'third')
      expect(await third.line('result')).toEqual({ taken: true, abandoned: 40, written: 0, refused: 100 })
      await over(third)
    })
  })
}

describe.skipIf(node20.missing !== undefined)(
  `the package in ${node20.missing ?? node20.title}, which is too old`,
  () => {
    test('says so where a book or a node is to be opened, and what needs none loads', async () => {
      const program = start(node20, 'load', newHome(), ...entries)
      const { loaded, memory, disk, node } = await program.line('result')
      for (const [name, count] of Object.entries(loaded)) expect(count, name).toBeTypeOf('number')
      expect(memory).toBeUndefined()
      for (const refused of [disk, node]) {
        expect(refused).toMatchObject({ code: 'runtime-unable', hint: expect.stringContaining('22.13') })
      }
      await over(program)
    })

    test('so does the command', async () => {
      const program = Program.start(node20, consumer, ['node_modules/streampay/dist/cli/main.js', 'price', 'x'])
      await expect(program.line('result')).rejects.toThrow(/needs Node\.js 22\.13 or newer.*runtime-unable/)
      expect(await program.ended).toBe(8)
    })
  },
)

for (const runtime of [deno, bun]) {
  describe.skipIf(runtime.missing !== undefined)(`the command in ${runtime.missing ?? runtime.title}`, SLOW, () => {
    test('shows its demo', async () => {
      const main = 'node_modules/streampay/dist/cli/main.js'
      const program = Program.start(runtime, consumer, [main, 'demo', '--json'], { STREAMPAY_HOME: newHome() })
      running.add(program)
      expect(await program.line('ok')).toBe(true)
      await over(program)
    })
  })
}

for (const runtime of [node24, deno, bun]) {
  const { title, missing } = runtime
  describe.skipIf(missing !== undefined)(`worker threads of ${missing ?? title}`, SLOW, () => {
    threadsSuite(() => start(runtime, 'threads', newHome()))
  })
}
