import { Option } from 'commander'
import { z } from 'zod'
import { StreamError } from '../errors/error.ts'
import { type Price, parsePrice } from '../money/price.ts'
import { SCHEME_NAMES, type SchemeName } from '../wire/challenges.ts'

export { readUrl } from '../buyer/requests/urlText.ts'
export { readDuration } from '../money/duration.ts'

/** Options that several commands share. A flag goes before its environment variable, and that before the default. */
export const nodeOption = (): Option =>
  new Option('--node <node>', 'embedded, lnd:DIR[@HOST:PORT], nwc:FILE, or the name of one of `streampay node up`')
    .env('STREAMPAY_NODE')
    .default('embedded')
export const jsonOption = (): Option => new Option('--json', 'speak in lines of JSON on stdout')
export const maxOption = (): Option =>
  new Option('--max <amount>', 'the most to spend in all, routing included').env('STREAMPAY_MAX').default('1000 sat')
export const maxPriceOption = (): Option =>
  new Option('--max-price <price>', 'the most to accept for a unit, such as "20 sat/s"; several with commas').env(
    'STREAMPAY_MAX_PRICE',
  )
export const maxFeeOption = (): Option =>
  new Option('--max-fee <percent>', 'the most that routing may add to a payment').env('STREAMPAY_MAX_FEE').default('3%')
export const aheadOption = (): Option =>
  new Option('--ahead <amount>', 'the most to have paid for what has not come').env('STREAMPAY_AHEAD').default('10 sat')
export const maxRiskOption = (): Option =>
  new Option('--max-risk <amount>', 'the most to pay in one piece to sellers that want to be paid first')
    .env('STREAMPAY_MAX_RISK')
    .default('50 sat')
export const schemesOption = (): Option =>
  new Option('--schemes <list>', 'what may be paid by, the most wanted first')
    .env('STREAMPAY_SCHEMES')
    .default(SCHEME_NAMES.join(','))
export const locationOption = (): Option =>
  new Option('-L, --location', 'follow redirects to other hosts too, but not from a public one into a private network')

/** Limits, one for each unit: "2 sat/1k tokens, 1 sat/request". @throws StreamError `price-invalid`, `amount-invalid` */
export const readPrices = (text: string): readonly Price[] => text.split(',').map((part) => parsePrice(part))

/** Schemes in order: "stream,l402". @throws StreamError `option-invalid` */
export function readSchemes(text: string): readonly SchemeName[] {
  const names = text.split(',').map((part) => part.trim().toLowerCase())
  const unknown = names.find((name) => !SCHEME_NAMES.some((known) => known === name))
  if (unknown !== undefined) {
    throw new StreamError('option-invalid', `"${unknown}" is not one of ${SCHEME_NAMES.join(', ')}`)
  }
  return names as SchemeName[]
}

const port = z.coerce.number().int().min(0).max(65_535)

/** A part such as "3%" or "0.5 %", up to 100. @throws StreamError `option-invalid` */
export function readPercent(text: string): number {
  const match = /^(\d{1,3}(?:\.\d)?) ?%?$/.exec(text.trim())
  const percent = Number(match?.[1])
  if (!(percent <= 100)) throw new StreamError('option-invalid', `"${text}" is not a part such as 3% or 0.5%`)
  return percent
}

/** @throws StreamError `option-invalid` */
export function readPort(text: string): number {
  const result = port.safeParse(text.trim() === '' ? undefined : text)
  if (!result.success) throw new StreamError('option-invalid', `"${text}" is not a port: a number from 0 to 65535`)
  return result.data
}

const count = z.coerce.number().int().min(0).max(100)

/** A small number. @throws StreamError `option-invalid`, naming the option */
export function readCount(text: string, option: string): number {
  const result = count.safeParse(text.trim() === '' ? undefined : text)
  if (!result.success) throw new StreamError('option-invalid', `${option} takes a number from 0 to 100, not "${text}"`)
  return result.data
}
