import { z } from 'zod'
import { guardRedirects } from '../../buyer/requests/redirects.ts'
import { unreachable } from '../../buyer/trade/control.ts'
import { StreamError } from '../../errors/error.ts'

/** Something that a seller says it sells, in its own words. The 402 alone binds. */
export interface Listed {
  readonly method: string
  readonly path: string
  readonly title: string
  readonly offers: ReadonlyArray<{
    readonly amount: string | null
    readonly currency: string
    readonly description: string
  }>
}

const MAX_BYTES = 4 << 20
const MAX_LISTED = 1000
const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'] as const

/** In one line, without what would steer a terminal. */
const words = z.string().transform((text) => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 300))
const offer = z.object({
  amount: z.string().nullable(),
  currency: words.default(''),
  description: words.default(''),
})
/** The draft has two forms: several offers, or one by itself. */
const info = z.union([z.object({ offers: z.array(offer) }), offer.transform((one) => ({ offers: [one] }))])
const operation = z.object({ summary: words.default(''), 'x-payment-info': info.optional() })
const document = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })

/**
 * Reads the discovery document of a seller (draft-payment-discovery): `/openapi.json` at the URL's origin.
 * @throws StreamError `seller-unreachable`, `redirect-refused`, `seller-failed` where there is none
 */
export async function readListing(url: string, fetch: typeof globalThis.fetch = globalThis.fetch): Promise<Listed[]> {
  const at = new URL('/openapi.json', url)
  const response = await guardRedirects(
    fetch,
    'same-origin',
  )(at).catch((error: unknown) => {
    throw unreachable(at.href, error)
  })
  const text = await readUpTo(response, MAX_BYTES)
  const parsed = response.ok ? document.safeParse(parse(text)) : undefined
  if (!parsed?.success) {
    throw new StreamError('seller-failed', `${at.href} is no OpenAPI document`, { status: `${response.status}` })
  }
  const listed = Object.entries(parsed.data.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): Listed[] => {
      const read = operation.safeParse(item[method])
      if (!read.success) return []
      const { summary: title, 'x-payment-info': payment } = read.data
      return [{ method: method.toUpperCase(), path: words.parse(path), title, offers: payment?.offers ?? [] }]
    }),
  )
  return listed.slice(0, MAX_LISTED)
}

/** What is longer is no document. */
async function readUpTo({ body }: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    if (length > most) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
