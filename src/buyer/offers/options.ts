import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import { formatPrice, type Price } from '../../money/price.ts'
import { formatAsked } from '../../money/tariff.ts'
import { type PaymentOptions, readChallenges, type SchemeName } from '../../wire/challenges.ts'
import { guardRedirects } from '../requests/redirects.ts'
import { byItsOwn } from '../requests/sending.ts'
import { readPrepayment } from '../schemes/prepayment.ts'
import { unreachable } from '../trade/control.ts'
import type { AskOptions } from './price.ts'

/** One way to pay for a URL, as it can be compared with the others. */
export interface AskedOption {
  readonly scheme: SchemeName
  /** What a unit costs; absent where the seller does not say. */
  readonly price?: Price
  /** The price as people read it, of a tariff all its charges. */
  readonly asks: string
  /** What is paid before anything comes; absent for `stream`, where the buyer says how much that may be. */
  readonly ahead?: Msat
}

/**
 * Every way to pay that a URL's 402 offers, by any server's scheme. Spends nothing, and takes no wallet. `undefined` if it asks for no payment.
 * @throws StreamError `challenge-malformed` if it asks for payment in no way that can be read, `seller-unreachable`, `redirect-refused`
 */
export async function askOptions(url: string, options: AskOptions): Promise<PaymentOptions | undefined> {
  const { method, headers, body, signal, fetch = globalThis.fetch, redirects = 'same-origin' } = options
  const request = {
    method,
    ...(headers && { headers }),
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
  }
  const response = await guardRedirects(byItsOwn(fetch), redirects)(url, request).catch((error) => {
    throw unreachable(url, error)
  })
  await response.body?.cancel().catch(() => {})
  if (response.status !== 402) return undefined
  const found = readChallenges(response.headers.get('www-authenticate') ?? '')
  const [skipped] = found.skipped
  if (found.options.length === 0 && skipped) {
    throw new StreamError('challenge-malformed', `${skipped.scheme}: ${skipped.reason}`)
  }
  return found
}

/** The options side by side. What cannot be read on a closer look goes to the skipped. */
export function compareOptions({ options, skipped }: PaymentOptions): {
  readonly asked: readonly AskedOption[]
  readonly skipped: PaymentOptions['skipped']
} {
  const asked: AskedOption[] = []
  const left = [...skipped]
  for (const option of options) {
    if (option.scheme === 'stream') {
      const { offer } = option
      asked.push({ scheme: 'stream', price: offer.price, asks: formatAsked(offer) })
      continue
    }
    try {
      const { price, amount } = readPrepayment(option)
      asked.push({
        scheme: option.scheme,
        ...(price && { price }),
        asks: price ? formatPrice(price) : '?',
        ahead: amount,
      })
    } catch (error) {
      left.push({ scheme: option.scheme, reason: error instanceof StreamError ? error.message : String(error) })
    }
  }
  return { asked, skipped: left }
}

/** One way to pay under the names of its JSON; amounts in msat. */
export interface OptionRecord {
  readonly scheme: SchemeName
  /** As people read it; absent where the seller does not say what it is for. */
  readonly price?: string
  readonly ahead?: string
  readonly risk: string
}

export const optionRecord = ({ scheme, asks, ahead }: AskedOption): OptionRecord => ({
  scheme,
  ...(asks !== '?' && { price: asks }),
  ...(ahead !== undefined && { ahead: `${ahead}` }),
  risk: RISK[scheme],
})

/** What is at risk under each scheme, in one line. */
export const RISK: Readonly<Record<SchemeName, string>> = {
  stream: 'at risk: what you let be paid ahead, and no more',
  session: 'at risk: the deposit; what is left comes back if the seller pays it',
  charge: 'at risk: all of it, for one request',
  l402: 'at risk: all of it; what is left never comes back',
}
