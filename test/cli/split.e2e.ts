import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { PayoutStore } from '../../src/gateway/split/store.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { seededRandom } from '../../src/lightning/embedded/testing/random.ts'
import { costDown } from '../../src/money/price.ts'
import { amount, commands, sleep, tempFolder } from './command.ts'

/* A seller process that is killed while it earns and pays out, its buyers and the recipient all on nodes of one private chain. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 4)
const random = seededRandom('KILL_SEED')
const home = tempFolder()
const { start, run } = commands(home, {}, 120_000)
const file = join(home, 'streampay.config.yaml')

test(
  `what a route earns is divided to the msat and paid out once, over ${ROUNDS} SIGKILLs of the seller, KILL_SEED=${random.seed}`,
  async () => {
    const port = await freePort()
    mkdirSync(join(home, 'songs'))
    // 7,013 bytes of a sat for ten: no total of it divides by a hundred.
    const song = Buffer.alloc(7013, 'la')
    writeFileSync(join(home, 'songs', 'a.txt'), song)
    writeFileSync(
      file,
      `listen: { port: ${port} }
recipients:
  creator: { node: embedded, threshold: 5 sat, interval: 1ms }
routes:
  - name: songs
    path: /songs/**
    folder: ./songs
    price: 1 sat/10B
    split: { platform: 7%, creator: 93% }
`,
    )
    const sell = async () => {
      const seller = start('sell', '--config', file, '--json')
      return { seller, selling: await seller.event('selling') }
    }
    const buy = () => start('get', `http://127.0.0.1:${port}/songs/a.txt`, '--json', '-o', join(home, 'got.txt'))
    let payouts = 0
    for (let round = 0; round < ROUNDS; round++) {
      const { seller, selling } = await sell()
      expect(selling).toMatchObject({
        routes: [{ name: 'songs', split: { platform: '7%', creator: '93%' } }],
      })
      const buyer = buy()
      await seller.event('delivering')
      // In the middle of a delivery, of a payout, or between them.
      await sleep(random.next() * 2500)
      payouts += seller.events.filter(({ event }) => event === 'payout-settled').length
      await seller.kill()
      // The next one goes on with its agreement.
      await buyer.kill()
    }
    const { seller } = await sell()
    const bought = await buy().end()
    expect(bought.code, bought.stderr).toBe(0)
    const { owed } = await settled()
    expect(owed).toBeLessThan(5000n)
    // Less than the threshold is paid for the asking.
    const asked = await run('payouts', '--pay-now', 'creator', '--json')
    expect(asked.code, asked.stderr).toBe(owed < 1000n ? 2 : 0)
    if (owed >= 1000n) await settled(1000n)
    seller.signal('SIGINT')
    const ended = await seller.end()
    expect(ended.code, ended.stderr).toBe(0)
    payouts += ended.events.filter(({ event }) => event === 'payout-settled').length

    const shown = await run('payouts', '--json')
    const standing = (name: string) =>
      shown.events.find(({ event, recipient }) => event === 'recipient' && recipient === name)
    const [creator, platform] = [standing('creator')!, standing('platform')!]
    const earned = amount(creator.earned) + amount(platform.earned)
    expect(platform).toMatchObject({ paid: '0', owed: '0', kept: true })
    expect(amount(creator.owed)).toBeLessThan(1000n)
    // What was divided is what the seller's own ledger says was delivered and paid, over all of its lives.
    expect(earned).toBe(await earnedByLedger())
    const off = amount(creator.earned) * 100n - earned * 93n
    expect(off < 0n ? -off : off).toBeLessThan(100n)
    // And what was paid out is what arrived at the creator's own node, each payout once.
    const node = await createEmbeddedNode({ home: join(home, 'state', 'regtest'), name: 'seller-2' })
    try {
      const invoices = await node.listInvoices({ limit: 1000 })
      expect(invoices.reduce((sum, { received }) => sum + received, 0n)).toBe(amount(creator.paid))
    } finally {
      await node.close()
    }
    const listed = withStore((store) => store.list(1000))
    expect(new Set(listed.map(({ status }) => status))).toEqual(new Set(['settled']))
    expect(listed.length).toBeGreaterThanOrEqual(Math.max(1, payouts))
    expect(listed.reduce((sum, each) => sum + each.amount, 0n)).toBe(amount(creator.paid))
    expect(readFileSync(join(home, 'got.txt')).equals(song)).toBe(true)
  },
  120_000 + ROUNDS * 60_000,
)

const sellerFolder = (): string => {
  const folder = join(home, 'state', 'seller')
  return join(folder, readdirSync(folder)[0]!)
}

function withStore<T>(read: (store: PayoutStore) => T): T {
  const store = new PayoutStore(join(sellerFolder(), 'payouts.db'))
  try {
    return read(store)
  } finally {
    store.close()
  }
}

/** Waits until less than `least` is owed and nothing is on its way. */
async function settled(least = 5000n): Promise<{ owed: bigint }> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(100)) {
    const { owed, pending } = withStore((store) => ({ owed: store.owed('creator'), pending: store.allPending() }))
    if (owed < least && pending.length === 0) return { owed }
  }
  throw new Error('the creator is not paid')
}

async function earnedByLedger(): Promise<bigint> {
  const path = join(sellerFolder(), 'ledger.db')
  const database = new DatabaseSync(path)
  const ids = (database.prepare('SELECT id FROM agreements').all() as Array<{ id: string }>).map(({ id }) => id)
  database.close()
  const ledger = openLedger(path)
  try {
    const records = await Promise.all(ids.map((id) => ledger.getAgreement(id)))
    const sums = records.map((record) => {
      const { agreement, deliveredSteps, paid, returned } = record!
      const delivered = costDown(agreement.price, deliveredSteps)
      return delivered < paid - returned ? delivered : paid - returned
    })
    return sums.reduce((sum, each) => sum + each, 0n)
  } finally {
    await ledger.end()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
