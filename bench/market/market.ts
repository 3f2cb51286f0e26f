import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseMsat } from '../../src/money/msat.ts'
import { formatPrice, parsePrice, price } from '../../src/money/price.ts'
import { type BenchProcess, openProcess } from '../process.ts'
import {
  type BuyersOrder,
  type BuyersResult,
  KINDS,
  type SellerBooks,
  type SellerOrder,
  type SellerReady,
  type Tick,
} from './orders.ts'
import { type MarketReport, report, type SellerEvidence } from './report.ts'

export interface MarketOptions {
  readonly buyers: number
  readonly sellers: number
  readonly seconds: number
  readonly seed: number
  /** Without what is done to sellers in mid-run. */
  readonly calm: boolean
  readonly say: (line: string) => void
  readonly onTick?: (tick: Tick) => void
}

const PRICE = '1 sat/KiB'
const CREDIT = '1 sat'
const AHEAD = '10 sat'
const MAX = '100000 sat'
/** What each seller lists, and what it goes down to, in thousandths of the price. */
const LISTED = [1200, 1000, 1100, 1300, 1400]
const FLOOR = [700, 1000, 800, 750, 900]
/** When something happens to a seller, as a part of the time. */
const AT = { lower: 0.2, raise: 0.3, change: 0.45, vanish: 0.6 }
const [RAISING, CHANGING, VANISHING, LOWERING] = [0, 1, 2, 3]
const SETTLED_MS = 300_000

/** So many machine buyers and sellers for a while; what is done to sellers meanwhile is undone before the books are held against each other. */
export async function market(options: MarketOptions): Promise<MarketReport> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-market-'))
  const sellers: MarketSeller[] = []
  let child: ChildProcess | undefined
  try {
    options.say(`starting ${options.sellers} sellers …`)
    for (let number = 0; number < options.sellers; number++)
      sellers.push(new MarketSeller(home, number, number === CHANGING && !options.calm))
    await Promise.all(sellers.map((seller) => seller.start()))
    const order: BuyersOrder = {
      ...{
        home,
        buyers: options.buyers,
        seconds: options.seconds,
        seed: options.seed,
        price: PRICE,
        ahead: AHEAD,
        max: MAX,
      },
      sellers: sellers.map(({ ready }) => ready),
    }
    child = fork(fileURLToPath(new URL('./buyersProcess.ts', import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: [],
    })
    const buyers = new Buyers(child, options.onTick)
    child.send(order)
    options.say(`opening a channel to each, for ${options.buyers} buyers …`)
    await buyers.told('begun')
    options.say(`${options.buyers} buyers for ${options.seconds} s …`)
    const troubles = options.calm ? [] : await makeTrouble(sellers, options)
    await buyers.told('over')
    options.say('the time is up; whoever was gone comes back, and all is settled …')
    for (const seller of sellers) await seller.restore()
    child.send({ settle: true })
    const run = await buyers.result(SETTLED_MS)
    const evidence = await Promise.all(sellers.map((seller) => seller.evidence()))
    return report({ seconds: options.seconds, seed: options.seed, sellers: evidence, run, troubles })
  } finally {
    child?.kill('SIGKILL')
    await Promise.all(sellers.map((seller) => seller.end()))
    rmSync(home, { recursive: true, force: true })
  }
}

/** One lowers its price, one raises it, one is another node for the rest of the time, and one is killed. */
async function makeTrouble(sellers: readonly MarketSeller[], { seconds, say }: MarketOptions): Promise<string[]> {
  const startedAt = performance.now()
  const at = (part: number) =>
    new Promise((resolve) => setTimeout(resolve, startedAt + part * seconds * 1000 - performance.now()))
  const done: string[] = []
  const note = (what: string) => {
    say(what)
    done.push(what)
  }
  await at(AT.lower)
  if (sellers[LOWERING]) note(`seller ${LOWERING} lowers its price to ${await sellers[LOWERING].ask('lower')}`)
  await at(AT.raise)
  note(`seller ${RAISING} raises its price to ${await sellers[RAISING]?.ask('raise')}`)
  await at(AT.change)
  if (sellers[CHANGING]) note(`seller ${CHANGING} is paid at another node: ${await sellers[CHANGING].ask('change')}`)
  await at(AT.vanish)
  if (sellers[VANISHING]) {
    await sellers[VANISHING].vanish()
    note(`seller ${VANISHING} is killed`)
  }
  return done
}

/** What the process of the buyers tells. */
class Buyers {
  readonly #told = new Map<string, PromiseWithResolvers<unknown>>()

  constructor(child: ChildProcess, onTick: (tick: Tick) => void = () => {}) {
    child.on('message', (message: Record<string, unknown>) => {
      if (message.tick) return onTick(message.tick as Tick)
      for (const [name, value] of Object.entries(message)) this.#wait(name).resolve(value)
    })
    child.once('exit', (code, signal) => {
      const error = new Error(`the process of the buyers ended (${signal ?? code})`)
      for (const name of ['begun', 'over', 'result']) this.#wait(name).reject(error)
    })
  }

  told(name: 'begun' | 'over'): Promise<unknown> {
    return this.#wait(name).promise
  }

  result(withinMs: number): Promise<BuyersResult> {
    const late = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`the buyers did not settle within ${withinMs} ms`)), withinMs).unref(),
    )
    return Promise.race([this.#wait('result').promise as Promise<BuyersResult>, late])
  }

  #wait(name: string): PromiseWithResolvers<unknown> {
    const known = this.#told.get(name)
    if (known) return known
    const wait = Promise.withResolvers<unknown>()
    wait.promise.catch(() => {})
    this.#told.set(name, wait)
    return wait
  }
}

/** A seller of the market, in a process of its own. */
class MarketSeller {
  readonly #order: SellerOrder
  #process: BenchProcess<SellerReady> | undefined
  #ready: SellerReady | undefined

  constructor(home: string, number: number, stranger: boolean) {
    const around = parsePrice(PRICE)
    const at = (list: readonly number[]) =>
      formatPrice(price(around.msat * BigInt(list[number % list.length]!), around.per * 1000n, around.unit))
    this.#order = {
      home,
      name: `seller${number}`,
      ledger: join(home, `seller${number}.db`),
      secret: randomBytes(32).toString('hex'),
      port: 0,
      price: at(LISTED),
      floor: at(FLOOR),
      kind: KINDS[number % KINDS.length]!,
      credit: CREDIT,
      stranger,
    }
  }

  /** What it told of itself first. */
  get ready(): SellerReady {
    return this.#ready!
  }

  async start(): Promise<void> {
    const port = this.#ready ? Number(new URL(this.#ready.url).port) : 0
    this.#process = await openProcess<SellerReady>('./market/sellerProcess.ts', { ...this.#order, port })
    this.#ready ??= this.#process.ready
  }

  ask(question: 'lower' | 'raise' | 'change' | 'restore'): Promise<string> {
    return this.#process!.ask<string>(question)
  }

  async vanish(): Promise<void> {
    const { pid } = this.#process!
    const gone = this.#process!.ask('books').catch(() => {})
    process.kill(pid, 'SIGKILL')
    await gone
    this.#process = undefined
  }

  /** It is who it was before, where its buyers left it. */
  async restore(): Promise<void> {
    if (this.#process) await this.ask('restore')
    else await this.start()
  }

  async evidence(): Promise<SellerEvidence> {
    const books = await this.#process!.ask<SellerBooks>('books')
    await this.end()
    const { kind, floor, credit } = this.#order
    const { url } = this.ready
    return { url: new URL(url).origin, kind, floor: parsePrice(floor), credit: parseMsat(credit), books }
  }

  async end(): Promise<void> {
    await this.#process?.close()
    this.#process = undefined
  }
}
