import { type Price, price } from '../../money/price.ts'

/** A seller at one request, as it was drawn. */
export interface DrawnSeller {
  /** Below this it loses. */
  readonly floor: Price
  readonly listed: Price
  /** How busy it is, of `BUSY`. */
  readonly streams: number
  readonly nowMs: number
}

/** One game: what nobody but its player knows. */
export interface Draw {
  /** What it is worth to the buyer. */
  readonly limit: Price
  /** By request, and then by seller. */
  readonly requests: ReadonlyArray<readonly DrawnSeller[]>
}

export interface World {
  /** What things cost hereabouts: limits, floors and lists are drawn around it. */
  readonly price: Price
  readonly sellers: number
  /** Of one game, on one agreement as long as it is kept. */
  readonly requests: number
  readonly seed: number
}

/** Drawn evenly from here to there, in thousandths of the price; what is listed, of the floor. */
export const RANGE = { limit: [400, 1600], floor: [400, 1000], listed: [1000, 1600] } as const
/** A seller changes its price before every further request with a chance of one in so many. */
const CHANGES = 4
export const BUSY = 8
const DAY_MS = 86_400_000

/** The game of this number: the same one for all that play it. */
export function draw(world: World, number: number): Draw {
  const random = generator((world.seed * 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const within = ([least, most]: readonly [number, number]): number => least + Math.floor(random() * (most - least + 1))
  const seller = (): DrawnSeller => {
    const floor = within(RANGE.floor)
    const listed = Math.floor((floor * within(RANGE.listed)) / 1000)
    return {
      floor: part(world.price, floor),
      listed: part(world.price, listed),
      streams: within([0, BUSY]),
      nowMs: within([0, DAY_MS - 1]),
    }
  }
  const limit = part(world.price, within(RANGE.limit))
  const requests: DrawnSeller[][] = []
  for (let request = 0; request < world.requests; request++) {
    const before = requests.at(-1)
    const now = Array.from({ length: world.sellers }, (_, index) =>
      before && within([1, CHANGES]) > 1 ? before[index]! : seller(),
    )
    requests.push(now)
  }
  return { limit, requests }
}

const part = ({ msat, per, unit }: Price, thousandths: number): Price =>
  price(msat * BigInt(thousandths), per * 1000n, unit)

/** Even numbers from 0 to 1 out of a seed (mulberry32): the same everywhere. */
export function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
