import type { Described } from './described.ts'
import type { PathTemplate } from './template.ts'

/** An offer of the draft: what is asked for a request, where that is known before it is made. */
interface PaymentOffer {
  readonly intent: 'session' | 'charge'
  readonly method: 'lightning'
  readonly amount: string | null
  readonly currency: 'msat' | 'sat'
  readonly description: string
}

const PROBLEM = { type: 'object', description: 'RFC 9457; `code` says what it is, `hint` what to do.' }
const CHALLENGE =
  'Offers to sell: `Payment` challenges, of which one with `intent="stream"` is paid while the answer comes.'

/**
 * The OpenAPI 3.1 document of what is sold, with `x-payment-info` (draft-payment-discovery). What is paid by use has an offer of intent
 * `session`, the draft's word for it, with an amount where that is one for each request; the offer itself, of intent `stream`, is in `x-stream-offers`. A route that is also
 * sold by the drafts' own `session` and `charge` has these, in whole sats. The 402 alone binds.
 * @param origin of the gateway, as its buyers write it
 */
export function openApi(routes: readonly Described[], origin: string): object {
  const paths = new Map<string, Map<string, Operation>>()
  for (const route of routes) {
    for (const template of route.paths) {
      const item = paths.get(template.path) ?? new Map<string, Operation>()
      paths.set(template.path, item)
      for (const method of route.methods) {
        const operation = item.get(method) ?? { template, routes: [] }
        item.set(method, operation)
        // What an earlier route takes whole never comes to a later one.
        if (operation.routes.every(({ conditional }) => conditional)) operation.routes.push(route)
      }
    }
  }
  const written = [...paths].map(([path, item]) => {
    const operations = [...item].map(([method, operation]) => [method, operationOf(path, method, operation)])
    return [path, Object.fromEntries(operations)]
  })
  return {
    openapi: '3.1.0',
    info: {
      title: new URL(origin).host,
      version: '1.0.0',
      description: 'Sold by use over Lightning. Prices may change: the 402 of a request says what it costs now.',
    },
    servers: [{ url: '/' }],
    'x-service-info': { categories: categoriesOf(routes), docs: { llms: `${origin}/llms.txt` } },
    paths: Object.fromEntries(written),
  }
}

interface Operation {
  readonly template: PathTemplate
  readonly routes: Described[]
}

function operationOf(path: string, method: string, { template, routes }: Operation): object {
  const [first] = routes
  const sold = routes.filter(({ asked }) => asked !== undefined)
  const schema = method === 'get' || method === 'head' ? undefined : bodyOf(first!)
  return {
    operationId: `${method}-${first!.name}-${hashOf(path)}`,
    summary: first!.title,
    ...(first!.description !== undefined && { description: first!.description }),
    tags: [...new Set(routes.map(({ name }) => name))],
    ...(template.parameters.length > 0 && {
      parameters: template.parameters.map(({ name, description }) => ({
        name,
        in: 'path',
        required: true,
        description,
        schema: { type: 'string' },
      })),
    }),
    ...(schema && { requestBody: { content: { [first!.kind === 'plain' ? '*/*' : 'application/json']: { schema } } } }),
    responses: {
      200: { description: 'What was asked for' },
      ...(sold.length > 0 && {
        402: {
          description: 'Payment Required',
          headers: { 'WWW-Authenticate': { description: CHALLENGE, schema: { type: 'string' } } },
          content: { 'application/problem+json': { schema: PROBLEM } },
        },
      }),
    },
    ...(sold.length > 0 && {
      'x-payment-info': { offers: sold.flatMap(offersOf) },
      'x-stream-offers': sold.map(({ asked }) => asked),
    }),
  }
}

/** What is sold by L402 alone has no offer here: that is no method of `Payment`. */
function offersOf(route: Described): PaymentOffer[] {
  const { schemes = ['stream'] } = route.config
  const { quote } = route
  return schemes.flatMap((scheme): PaymentOffer | [] => {
    if (scheme === 'stream') return schemes.includes('session') ? [] : offerOf(route)
    if (scheme === 'l402' || !quote) return []
    const { description } = offerOf(route)
    const [amount, of] =
      scheme === 'charge'
        ? [quote.allowance, 'paid first, for one answer']
        : [quote.unitAmount, `for each ${quote.unitType}, from a deposit of ${quote.allowance / 1000n} sat`]
    const said = { method: 'lightning', amount: `${amount / 1000n}`, currency: 'sat' } as const
    return { intent: scheme, ...said, description: `${description}; ${of}` }
  })
}

function offerOf({ asked, price, when, config }: Described): PaymentOffer {
  const isFlat = asked?.unit === 'request' && asked.per === '1'
  const terms = [price, ...(when === undefined ? [] : [`for ${when}`])].join(' ')
  const free = config.free ? `; ${config.free.requests} free requests every ${config.free.perMs / 1000} s` : ''
  return {
    intent: 'session',
    method: 'lightning',
    amount: isFlat ? asked.amount! : null,
    currency: 'msat',
    description: `${terms}${free}`,
  }
}

/** What is known of a body by what the route is for. */
function bodyOf({ kind, config }: Described): object {
  if (kind === 'model') {
    const message = { type: 'object', properties: { role: { type: 'string' }, content: {} }, required: ['role'] }
    const properties = {
      model: { type: 'string', ...(config.model !== undefined && { examples: [config.model] }) },
      messages: { type: 'array', items: message },
      stream: { type: 'boolean' },
    }
    return { type: 'object', properties, required: ['messages'] }
  }
  if (kind === 'call') {
    const properties = {
      jsonrpc: { const: '2.0' },
      id: { type: ['string', 'integer'] },
      method: { type: 'string' },
      params: { type: 'object' },
    }
    return { type: 'object', properties, required: ['jsonrpc', 'method'] }
  }
  return {}
}

const CATEGORIES = { video: 'media', model: 'compute', call: 'developer-tools', plain: 'data' } as const
const categoriesOf = (routes: readonly Described[]): string[] => [
  ...new Set(routes.map(({ kind }) => CATEGORIES[kind])),
]

/** Short, and the same for the same path: operations are named by it. */
function hashOf(path: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(path)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(36)
}
