import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StreamError, toStreamError } from '../errors/error.ts'
import type { Price } from '../money/price.ts'
import { readReserve } from '../terms/reserve.ts'
import { acceptUpTo, type BuyerStrategy, concedeWithin } from '../terms/strategy.ts'

/** Makes a strategy for a buyer with these limits, at most one for each unit. The default export of a module of one's own. */
export type StrategyMaker = (limits: readonly Price[]) => BuyerStrategy

export const STRATEGIES = 'fixed, concede, concede:FROM,ROUNDS, or the file of your own (.mjs)'
const CONCEDE = /^concede(?::([^,]{1,60})(?:,(\d{1,3}))?)?$/
const FROM = '50%'
const ROUNDS = 4

/**
 * How to haggle, as it is typed: `fixed` takes what is within the limits, `concede:40%,6` bids 40 % of the limit first and the limit itself in
 * the sixth round, and a file ending in `.mjs` exports a maker.
 * @throws StreamError `option-invalid`, `price-invalid`, `amount-invalid`
 */
export async function readStrategy(text: string): Promise<StrategyMaker> {
  if (text === 'fixed') return acceptUpTo
  if (text.endsWith('.mjs')) return importMaker<StrategyMaker>(text, 'a function of the limits that returns a strategy')
  const match = CONCEDE.exec(text)
  if (!match) throw new StreamError('option-invalid', `"${text.slice(0, 60)}" is no strategy: ${STRATEGIES}`)
  const from = readReserve(match[1] ?? FROM)
  const rounds = Number(match[2] ?? ROUNDS)
  return (limits) => {
    if (limits.length === 0) throw new StreamError('option-invalid', `${text} needs a --max-price to concede to`)
    return concedeWithin(limits, from, rounds)
  }
}

/** The default export of a module. @throws StreamError `option-invalid` */
export async function importMaker<T extends (...args: never[]) => unknown>(file: string, what: string): Promise<T> {
  const path = resolve(file)
  const module = (await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new StreamError('option-invalid', `${file} cannot be loaded: ${toStreamError(error).message}`, {}, error)
  })) as { readonly default?: unknown }
  if (typeof module.default !== 'function')
    throw new StreamError('option-invalid', `${file} must export ${what} as its default`)
  return module.default as T
}
