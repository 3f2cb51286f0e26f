import { PricedRoute, type WallOptions } from '../../seller/paywall.ts'
import type { Seller } from '../../seller/seller.ts'
import { type Quality, qualityName } from './qualities.ts'

/** What a wall asks, and it alone. */
type Terms = Omit<WallOptions, 'scope'>

/** The walls of a video's qualities that have a price of their own: each is a scope, so each has its own agreements. */
export class QualityWalls {
  readonly #seller: Seller
  readonly #route: string
  #walls = new Map<string, PricedRoute>()

  constructor(seller: Seller, route: string) {
    this.#seller = seller
    this.#route = route
  }

  /**
   * Takes other qualities or prices; agreements keep theirs.
   * @param termsOf what a quality with this price asks
   * @throws StreamError `price-invalid`
   */
  configure(qualities: readonly Quality[], termsOf: (price: string) => Terms): void {
    const before = this.#walls
    this.#walls = new Map()
    for (const quality of qualities) {
      if (quality.price === undefined) continue
      const name = qualityName(quality)
      const terms = termsOf(quality.price)
      const wall = before.get(name)
      wall?.setTerms({ description: '', ...terms })
      before.delete(name)
      this.#walls.set(name, wall ?? new PricedRoute(this.#seller, { ...terms, scope: `${this.#route}/${name}` }))
    }
    for (const gone of before.values()) gone.close()
  }

  /** The wall of a quality; `undefined` where the route's own price holds. */
  of(quality: string | undefined): PricedRoute | undefined {
    return quality === undefined ? undefined : this.#walls.get(quality)
  }

  close(): void {
    for (const wall of this.#walls.values()) wall.close()
    this.#walls.clear()
  }
}
