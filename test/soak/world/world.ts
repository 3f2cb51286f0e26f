import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { startGuard } from '../../../lightning-net/guard.ts'
import { freePorts } from '../../../src/nodectl/chain/ports.ts'
import { Actor } from './actor.ts'
import type { Backend } from './backend.ts'
import { nowUs, sleep } from './clock.ts'
import type { GoodName } from './goods.ts'
import { readLedgerOfTheDead, type Written } from './ledgerOfTheDead.ts'
import type { BuyerOrder, SellerOrder } from './orders.ts'
import { Wire } from './wire.ts'

/** What a killed seller had written of an agreement, and what had reached the wire by then. */
export interface CrashedAgreement extends Written {
  readonly observedSteps: bigint
}

/** A kill of the seller. `t` on the common clock, once all that it had sent was counted. */
export interface Crash {
  readonly t: number
  readonly agreements: readonly CrashedAgreement[]
}

/** What a buyer buys, and how far it pays ahead. */
export interface Wants {
  readonly ahead: string
  readonly goods: readonly GoodName[]
}

/** A seller and its buyers, each a process that may be killed and started again on what it wrote; the wire between; the nodes. */
export class World {
  readonly backend: Backend
  readonly folder: string
  readonly wire: Wire
  readonly seller: Actor
  readonly buyers: readonly Actor[]
  readonly crashes: Crash[] = []
  /** When buyers were killed: by name, on the common clock. */
  readonly deaths = new Map<string, number[]>()
  kills = 0
  readonly #guard = startGuard()

  /** @param wants one for each buyer; the first nodes of the backend are theirs */
  static async open(backend: Backend, folder: string, seed: number, wants: readonly Wants[]): Promise<World> {
    const [sellerPort, wirePort] = await freePorts(2)
    const world = new World(backend, folder, seed, wants, { seller: sellerPort!, wire: wirePort! })
    try {
      await world.wire.listen(wirePort!)
      await Promise.all(world.actors.map((actor) => actor.start()))
      await backend.connect(world)
      return world
    } catch (error) {
      await world.abandon()
      throw error
    }
  }

  private constructor(
    backend: Backend,
    folder: string,
    seed: number,
    wants: readonly Wants[],
    ports: { readonly seller: number; readonly wire: number },
  ) {
    this.backend = backend
    this.folder = folder
    this.wire = new Wire(ports.seller)
    const sellerOrder: SellerOrder = {
      role: 'seller',
      node: backend.sellerNode,
      folder: join(folder, 'seller'),
      port: ports.seller,
      secret: createHash('sha256').update(`${seed} ${folder}`).digest('hex'),
    }
    this.seller = new Actor('seller', './sellerMain.ts', sellerOrder, this.#guard)
    this.buyers = wants.map(({ ahead, goods }, i) => {
      const { name, spec } = backend.buyerNodes[i]!
      const order: BuyerOrder = {
        role: 'buyer',
        node: spec,
        folder: join(folder, name),
        url: `http://127.0.0.1:${ports.wire}`,
        ahead,
        maxFeePercent: backend.maxFeePercent,
        goods,
        seed: seed + 1000 * (i + 1),
      }
      return new Actor(name, './buyerMain.ts', order, this.#guard)
    })
  }

  get actors(): readonly Actor[] {
    return [this.seller, ...this.buyers]
  }

  get streams(): number {
    return this.buyers.reduce((sum, { order }) => sum + (order.role === 'buyer' ? order.goods.length : 0), 0)
  }

  /** The buyers begin to buy. */
  async begin(): Promise<void> {
    await Promise.all(this.buyers.map((buyer) => buyer.ask('begin', undefined)))
  }

  /** SIGKILL to all of these at once. */
  async kill(actors: readonly Actor[]): Promise<void> {
    this.kills += actors.length
    await Promise.all(actors.map((actor) => actor.kill()))
    const t = nowUs()
    for (const { name } of actors) this.deaths.set(name, [...(this.deaths.get(name) ?? []), t])
    if (actors.includes(this.seller)) await this.#noteCrash()
  }

  /** Starts these again, where they were. */
  async restart(actors: readonly Actor[]): Promise<void> {
    await Promise.all(actors.map((actor) => actor.start()))
    const buyers = actors.filter((actor) => actor !== this.seller)
    await Promise.all(buyers.map((buyer) => buyer.ask('begin', undefined)))
  }

  async killDaemons(names: readonly string[]): Promise<void> {
    this.kills += names.length
    await Promise.all(names.map((name) => this.backend.killDaemon(name)))
  }

  /** Waits until each stream got something more. Returns those that did not. */
  async goesOn(withinMs: number): Promise<string[]> {
    const standing = async ({ name, ask }: Pick<Actor, 'name' | 'ask'>): Promise<string[]> => {
      const first = await ask('progress', undefined)
      for (const end = Date.now() + withinMs; ; await sleep(100)) {
        const now = await ask('progress', undefined)
        const left = Object.keys(first).filter((stream) => now[stream]! <= first[stream]!)
        if (left.length === 0 || Date.now() > end) return left.map((stream) => `${name}, ${stream}: it did not go on`)
      }
    }
    return (
      await Promise.all(this.buyers.map((buyer) => standing({ name: buyer.name, ask: buyer.ask.bind(buyer) })))
    ).flat()
  }

  /** Everything is followed to its end and closed; the processes stay. Returns what stays open: the books will show it too. */
  async finish(): Promise<readonly string[]> {
    this.wire.silence(false)
    return (await Promise.all(this.buyers.map((buyer) => buyer.ask('finish', undefined)))).flat()
  }

  /** Ends the processes in order. */
  async close(): Promise<void> {
    await Promise.all(this.buyers.map((buyer) => buyer.close()))
    await this.seller.close()
    await this.wire.close()
    this.#guard.end()
  }

  /** After a failure: nothing stays. */
  async abandon(): Promise<void> {
    await Promise.all(this.actors.map((actor) => actor.kill()))
    await this.wire.close()
    this.#guard.end()
  }

  async #noteCrash(): Promise<void> {
    await this.wire.drained()
    const written = readLedgerOfTheDead(this.seller.order.folder)
    const agreements = written.map((one) => ({
      ...one,
      observedSteps: BigInt(this.wire.delivered.get(one.id)?.steps ?? 0),
    }))
    this.crashes.push({ t: nowUs(), agreements })
  }
}
