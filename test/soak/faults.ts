import type { Actor } from './world/actor.ts'
import { sleep } from './world/clock.ts'
import type { Random } from './world/random.ts'
import type { World } from './world/world.ts'

/** What goes wrong, and how often it is chosen. The last three only where nodes are processes of their own. */
const WEIGHTS = {
  killSeller: 4,
  killBuyer: 4,
  killBoth: 2,
  cut: 4,
  silence: 2,
  hold: 4,
  freezeSeller: 2,
  freezeBuyer: 2,
  killNode: 4,
  killNodes: 1,
  freezeNode: 4,
} as const

export type Fault = keyof typeof WEIGHTS
export type FaultCounts = Readonly<Partial<Record<Fault, number>>>

const PAUSE_MS = { least: 200, most: 1200 }
const DOWN_MS = { least: 0, most: 700 }
const FREEZE_MS = { least: 300, most: 2000 }
const HOLD_MS = { least: 300, most: 3000 }
const CUT_CHANCES = [0.2, 0.5, 1] as const

/** One fault after the other, chosen by a seed; those that only last go on while the next ones come. */
export class Faults {
  readonly counts: Partial<Record<Fault, number>> = {}
  readonly #world: World
  readonly #by: Random
  readonly #say: (line: string) => void
  readonly #kinds: readonly Fault[]
  readonly #lasting = new Set<Promise<void>>()
  #broken: unknown

  constructor(world: World, by: Random, say: (line: string) => void) {
    this.#world = world
    this.#by = by
    this.#say = say
    const kinds = Object.keys(WEIGHTS) as Fault[]
    const lnd = world.backend.daemons.length > 0
    // What holds a payment back at an LND is that it stands still.
    this.#kinds = kinds
      .filter((kind) => (/Node/.test(kind) ? lnd : kind !== 'hold' || !lnd))
      .flatMap((kind) => Array<Fault>(WEIGHTS[kind]).fill(kind))
  }

  /** @throws what a process that was started again failed by */
  async run(untilMs: number): Promise<void> {
    while (Date.now() < untilMs && this.#broken === undefined) {
      await sleep(this.#whole(PAUSE_MS))
      const fault = this.#by.pick(this.#kinds)
      this.counts[fault] = (this.counts[fault] ?? 0) + 1
      await this.#cause(fault)
    }
    await Promise.all(this.#lasting)
    if (this.#broken !== undefined) throw this.#broken
  }

  async #cause(fault: Fault): Promise<void> {
    const { seller, buyers, wire } = this.#world
    const buyer = this.#by.pick(buyers)
    switch (fault) {
      case 'killSeller':
        return this.#kill([seller])
      case 'killBuyer':
        return this.#kill([buyer])
      case 'killBoth':
        return this.#kill([seller, buyer])
      case 'cut': {
        const chance = this.#by.pick(CUT_CHANCES)
        return this.#say(`cut ${wire.cut(chance, this.#by)} connections`)
      }
      case 'silence':
        return this.#last('silence', this.#whole(FREEZE_MS), (on) => wire.silence(on))
      case 'freezeSeller':
      case 'freezeBuyer': {
        const actor = fault === 'freezeSeller' ? seller : buyer
        return this.#last(`freeze ${actor.name}`, this.#whole(FREEZE_MS), (on) =>
          actor.signal(on ? 'SIGSTOP' : 'SIGCONT'),
        )
      }
      case 'hold': {
        const ms = this.#whole(HOLD_MS)
        this.#say(`hold the payments of ${buyer.name} for ${ms} ms`)
        // A buyer that is killed meanwhile holds nothing any more.
        return this.#keep(
          buyer.ask('hold', ms).then(
            () => {},
            () => {},
          ),
        )
      }
      case 'killNode':
        return this.#killNodes([this.#by.pick(this.#world.backend.daemons)])
      case 'killNodes':
        return this.#killNodes(this.#world.backend.daemons)
      case 'freezeNode': {
        const name = this.#by.pick(this.#world.backend.daemons)
        const freeze = (on: boolean): void => this.#world.backend.freezeDaemon(name, on)
        return this.#last(`freeze ${name}`, this.#whole(FREEZE_MS), freeze)
      }
    }
  }

  async #kill(actors: readonly Actor[]): Promise<void> {
    this.#say(`kill ${actors.map(({ name }) => name).join(' and ')}`)
    await this.#world.kill(actors)
    await sleep(this.#whole(DOWN_MS))
    await this.#world.restart(actors)
  }

  async #killNodes(names: readonly string[]): Promise<void> {
    this.#say(`kill ${names.join(', ')}`)
    await this.#world.killDaemons(names)
    await sleep(this.#whole(DOWN_MS))
    await Promise.all(names.map((name) => this.#world.backend.startDaemon(name)))
  }

  #last(what: string, ms: number, set: (on: boolean) => void): void {
    this.#say(`${what} for ${ms} ms`)
    set(true)
    this.#keep(sleep(ms).then(() => set(false)))
  }

  #keep(task: Promise<void>): void {
    const kept = task.catch((error) => {
      this.#broken ??= error
    })
    this.#lasting.add(kept)
    void kept.then(() => this.#lasting.delete(kept))
  }

  #whole({ least, most }: { readonly least: number; readonly most: number }): number {
    return this.#by.whole(least, most)
  }
}
