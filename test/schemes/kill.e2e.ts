import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Result, sleep, tempFolder } from '../cli/command.ts'
import { random } from '../soak/world/random.ts'
import { askNode, readJournal, readLedger } from './kill/books.ts'
import { judgeAll, judgeLedger } from './kill/judge.ts'
import { type Bought, KillShop, SCHEMES, type Scheme, USES } from './kill/shop.ts'

/** More of them is what finds rare orders of events: `KILL_ROUNDS=200 npm test -- --only e2e test/schemes/kill`. */
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 10)
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31))
const CLOSINGS = 2
/** How long all goes on after it goes on again, and then something is killed. */
const LOAD_MS = 400
const GOES_ON = { timeout: 60_000, interval: 20 }
/** What a buyer may meet with while its seller is killed under it. */
const CODES =
  /^(seller-unreachable|seller-failed|paid-refused|payment-unknown|payment-failed|payment-timeout|no-route|node-unreachable|upstream-failed)$/

const home = tempFolder()
let shop: KillShop
beforeAll(async () => {
  shop = await KillShop.open(home)
})
afterAll(() => shop?.close())

const recover = (): Promise<Result> => shop.commands.run('recover', '--close', '--json', '--wait', '30s')
const get = (scheme: Scheme, ...more: string[]): Promise<Result> =>
  shop.commands.run('get', `${shop.between.url}/${scheme}`, '--json', '--schemes', scheme, ...more)
const isGood = ({ status, code }: Bought): boolean => status === 200 && code === undefined

/** Until something was bought by every scheme since the last kill. */
async function goesOn(): Promise<void> {
  const since = shop.bought.length
  const isBought = (scheme: Scheme) => shop.bought.slice(since).some((one) => one.scheme === scheme && isGood(one))
  await expect.poll(() => SCHEMES.filter((scheme) => !isBought(scheme)), GOES_ON).toEqual([])
}

test(
  `what is prepaid survives SIGKILL of seller and buyer, ${ROUNDS} times (KILL_SEED=${SEED})`,
  async () => {
    const by = random(SEED)
    shop.openSeller()
    shop.openBuyer()
    for (let round = 0; round < ROUNDS; round++) {
      await goesOn()
      await sleep(by.whole(0, LOAD_MS))
      const victims = by.pick([['buyer'], ['seller'], ['buyer', 'seller']] as const).join()
      await Promise.all([
        victims.includes('buyer') && shop.killBuyer(),
        victims.includes('seller') && shop.killSeller(),
      ])
      if (victims.includes('seller')) {
        expect(judgeLedger(readLedger(home)), `round ${round}`).toEqual([])
        shop.openSeller()
      }
      if (victims.includes('buyer')) shop.openBuyer()
    }
    await goesOn()
    await shop.endBuyer()
    expect(shop.bought.filter(({ code }) => code !== undefined && !CODES.test(code))).toEqual([])

    // Killed at its close: before it, between it and the refund, in the refund, after it.
    for (let round = 0; round < CLOSINGS; round++) {
      expect(await get('session', '--keep')).toMatchObject({ code: 0 })
      const { promise: now, resolve } = Promise.withResolvers<unknown>()
      shop.between.after(1, () => void sleep(by.whole(0, 40)).then(resolve))
      const closing = recover()
      await now
      await shop.killSeller()
      expect(judgeLedger(readLedger(home)), `closing ${round}`).toEqual([])
      shop.openSeller()
      await closing
    }
    // Until nothing is open, and nothing on its way back.
    await expect
      .poll(async () => {
        const { code, last } = await recover()
        const { tokens } = await readJournal(home)
        const awaited = tokens.filter(({ entry }) => entry.returns.some(({ status }) => status === 'asked'))
        return { code, last, awaited: awaited.length }
      }, GOES_ON)
      .toMatchObject({ code: 0, awaited: 0 })
    expect(await shop.endSeller()).toBe(0)

    const ledger = readLedger(home)
    const buyer = await readJournal(home)
    const hashes = [
      ...buyer.payments.map(({ paymentHash }) => paymentHash),
      ...ledger.minted.map((one) => one.payment_hash),
    ]
    const nodes = { seller: await askNode(home, 'seller', []), buyer: await askNode(home, 'buyer', hashes) }
    expect(judgeAll({ ledger, buyer, nodes })).toEqual([])

    const delivered = (scheme: string) =>
      ledger.sold.filter((one) => one.scheme === scheme).map((one) => Number(one.delivered_steps))
    const tokens = delivered('l402')
    // Each was used up, by one buyer after the other, before the next was bought.
    expect(tokens.filter((steps) => steps < USES).length).toBeLessThanOrEqual(1)
    expect(shop.served.l402).toBeLessThanOrEqual(tokens.reduce((sum, steps) => sum + steps, 0))
    expect(shop.served.charge).toBeLessThanOrEqual(delivered('charge').length)
    expect(delivered('top-up').length).toBeGreaterThan(0)
  },
  60_000 + ROUNDS * 60_000,
)
