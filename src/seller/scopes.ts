import { StreamError } from '../errors/error.ts'
import { comparePrices, type Price } from '../money/price.ts'
import { formatAsked, sameTariff, type Tariff } from '../money/tariff.ts'

/** What is asked under a scope now. */
export interface Asked {
  readonly price: Price
  readonly tariff?: Tariff
}

/**
 * What agreements open. All walls of one scope ask the same at any time: an agreement made for something cheap must never open
 * something dear. A scope that has a name may ask another price later; agreements keep theirs until they end.
 */
export class Scopes {
  readonly #scopes = new Map<string, { asked: Asked; walls: number }>()

  /**
   * A further wall under this scope; without a name, under the one of all that ask the same.
   * @throws StreamError `option-invalid` if a wall under this name asks something else
   */
  claim(asked: Asked, name?: string): string {
    const scope = name ?? unnamed(asked)
    const known = this.#scopes.get(scope)
    if (known && !sameAsked(known.asked, asked)) throw elsewhere(scope, known.asked)
    this.#scopes.set(scope, { asked, walls: (known?.walls ?? 0) + 1 })
    return scope
  }

  /** One wall less. With the last one the name is free for any price. */
  release(scope: string): void {
    const known = this.#scopes.get(scope)
    if (known && --known.walls === 0) this.#scopes.delete(scope)
  }

  /**
   * From now on this is asked under a name.
   * @throws StreamError `option-invalid` if another wall under this name would go on asking what it did
   */
  change(scope: string, asked: Asked): void {
    const known = this.#scopes.get(scope)
    if (!known || sameAsked(known.asked, asked)) return
    if (known.walls > 1) throw elsewhere(scope, known.asked)
    known.asked = asked
  }
}

export const sameAsked = (a: Asked, b: Asked): boolean =>
  a.price.unit === b.price.unit && comparePrices(a.price, b.price) === 0 && sameTariff(a.tariff, b.tariff)

const MAX_SCOPE = 256
const unnamed = (asked: Asked): string => `/${formatAsked(asked).replaceAll(' ', '-')}`.slice(0, MAX_SCOPE)

const elsewhere = (scope: string, asked: Asked): StreamError =>
  new StreamError('option-invalid', `the scope ${scope} is sold for ${formatAsked(asked)} already`)
