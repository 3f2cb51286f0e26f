import { z } from 'zod'
import { askOptions, compareOptions, optionRecord } from '../../buyer/offers/options.ts'
import { priceExamples, priceRecord } from '../../buyer/offers/price.ts'
import { readUrl } from '../../buyer/requests/urlText.ts'
import { StreamError } from '../../errors/error.ts'
import { readInvoice } from '../../lightning/verbs/verbs.ts'
import { call } from '../call.ts'
import { Decoded, InvoiceText, Offer } from '../schemas.ts'

/** For an answer to a request for a price. */
const ASK_TIMEOUT_MS = 30_000

export const decode = call({
  method: 'POST',
  path: '/decode',
  id: 'decode',
  summary: 'What is in an invoice, of any network',
  description: 'Needs no node and asks nobody. Its signature is checked.',
  body: z.strictObject({ text: InvoiceText }),
  answers: { 200: { description: 'All that the invoice says', schema: Decoded } },
  async run({ body: { text } }) {
    const invoice = readInvoice(text)
    return { status: 200, body: { ...invoice, expired: invoice.expiresAtMs <= Date.now() } }
  },
})

export const askOffer = call({
  method: 'POST',
  path: '/offers',
  id: 'getOffer',
  summary: 'What a URL asks, and what it would cost',
  description: 'Asks the seller, and spends nothing. Redirects are followed within one origin.',
  body: z.strictObject({
    url: z.string().min(1).max(8192),
    method: z
      .string()
      .regex(/^[A-Za-z]{1,16}$/)
      .optional()
      .describe('GET by default'),
  }),
  answers: { 200: { description: 'Its offer, or that it asks for no payment by use', schema: Offer } },
  async run({ body: { url: text, method = 'GET' } }, { parts, caller, bounds, signal }) {
    bounds.take('offers', caller.name)
    const url = readUrl(text)
    const { hosts } = caller.limits
    const { host } = new URL(url)
    if (hosts && !Object.hasOwn(hosts, host))
      throw new StreamError('target-refused', `${caller.name} may not go to ${host}`)
    const found = await askOptions(url, {
      method: method.toUpperCase(),
      redirects: 'same-origin',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]),
      ...(parts.fetch && { fetch: parts.fetch }),
    })
    const { asked } = found ? compareOptions(found) : { asked: [] }
    const offer = found?.options.find((option) => option.scheme === 'stream')?.offer
    const record = offer || asked.length === 0 ? priceRecord(url, offer, offer && priceExamples(offer)) : { url }
    return { status: 200, body: { ...record, ...(asked.length > 0 && { offers: asked.map(optionRecord) }) } }
  },
})
