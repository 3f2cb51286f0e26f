import { z } from 'zod'
import { parseMsat } from '../../money/msat.ts'
import type { SellerPolicy } from '../../terms/policy.ts'
import { clockOf, MAX_STREAMS, readClock, readReserve } from '../../terms/reserve.ts'
import { MAX_OFFERS } from '../../terms/strategy.ts'
import { AUTHORIZATION_HEADERS } from '../../wire/challenge.ts'
import { SCHEME_NAMES } from '../../wire/challenges.ts'
import { checkMoney, checkPrice, currencyOf } from '../rates/fiat.ts'
import { checkPattern } from '../routes/pattern.ts'
import { QUALITIES, readQualities } from '../video/qualities.ts'
import { negotiateMistakes } from './negotiate.ts'
import { splitMistakes } from './splits.ts'
import { readAllowance, readShare, readSpan } from './values.ts'

/** What a member may be, told when it is something else. */
const choices = (members: Readonly<Record<string, unknown>>): string => Object.keys(members).join(', ')

/** An object with these members and no others: a misspelt member must not be one that is silently absent. */
function members<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `is no member here; there are ${choices(shape)}`
        : `must be an object with some of ${choices(shape)}`,
  })
}

/** A text that `read` understands. It returns `undefined`, or throws, for any other. */
const read = <T>(what: string, reader: (text: string) => T | undefined) =>
  z.string({ error: () => `must be ${what}` }).transform((text, context): T => {
    try {
      const value = reader(text)
      if (value !== undefined) return value
    } catch {
      // The message below says what it takes.
    }
    context.addIssue({ code: 'custom', message: `"${text.slice(0, 60)}" is not ${what}` })
    return z.NEVER
  })

const checked = (what: string, check: (text: string) => unknown) =>
  read(what, (text) => {
    check(text)
    return text
  })
const text = (most = 500) =>
  z
    .string({ error: () => 'must be a text' })
    .min(1, 'must not be empty')
    .max(most, `has more than ${most} characters`)
const span = read('a time such as 500ms, 30s, 10m or 1h', readSpan)
const AMOUNT = 'an amount such as "10 sat" or "250 msat"'
const amount = checked(AMOUNT, parseMsat)
const MONEY = `${AMOUNT}, or "0.01 USD" with a rate`
/** An amount, or one in another currency. */
const money = checked(MONEY, checkMoney)
const PRICE = 'a price such as "1 sat/MiB", "10 sat/s", "1 sat/1k tokens" or "0.002 USD/1k tokens"'
const price = checked(PRICE, checkPrice)

const tariff = members({
  input: price.optional(),
  output: price.optional(),
  upload: price.optional(),
  request: money.optional(),
  minimum: money.optional(),
  extra: money.optional(),
})

const RESERVE = 'a price such as "700 msat/1k tokens", or a part of what is listed, such as 70%'
const reserve = checked(RESERVE, readReserve)
const clock = checked('a time of the day such as 22:30', readClock)
const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`
  return z
    .number({ error: () => error })
    .int(error)
    .min(least, error)
    .max(most, error)
}

const negotiate = members({
  floor: reserve,
  rounds: whole(1, MAX_OFFERS).optional(),
  volume: z
    .array(members({ from: amount, price: reserve }), { error: () => 'must be a list of { from, price }' })
    .min(1)
    .max(100)
    .optional(),
  load: members({ streams: whole(1, MAX_STREAMS), price: reserve }).optional(),
  hours: z
    .array(
      members({
        from: clock,
        to: clock,
        zone: checked('a time zone such as Europe/Berlin', clockOf).optional(),
        price: reserve,
      }),
      { error: () => 'must be a list of { from, to, price }' },
    )
    .min(1)
    .max(100)
    .optional(),
  policy: z
    .custom<SellerPolicy>((value) => typeof value === 'function', 'must be a function, in a configuration that is .mjs')
    .optional(),
}).superRefine(({ policy, volume, load, hours }, context) => {
  if (policy && (volume || load || hours)) {
    context.addIssue({
      code: 'custom',
      path: ['policy'],
      message: 'is in the place of volume, load and hours: not beside them',
    })
  }
})

const port = z
  .number({ error: () => 'must be a port, a number from 0 to 65535' })
  .int('must be a port, a number from 0 to 65535')
  .min(0, 'must be a port, a number from 0 to 65535')
  .max(65_535, 'must be a port, a number from 0 to 65535')

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const EVENTS = ['opened', 'closed', 'return-failed'] as const
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: () => `must be one of ${values.join(', ')}` })

const headerName = z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/i, 'is not the name of a header')
const headerValue = text(2000).regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'has a character that no header carries')

const recipientName = z.string().regex(/^[a-z][a-z0-9-]{0,47}$/i, 'is no name of a-z, 0-9 and -, such as "creator"')

const SOURCES = ['upstream', 'folder', 'file', 'video'] as const
const PATH = 'a path such as /v1/chat/*, /films/** or /*.mp4, with ** only at its end'

const route = members({
  name: z
    .string({ error: () => 'must be a name' })
    .regex(/^[a-z][a-z0-9-]{0,47}$/, 'must be a name of a-z, 0-9 and -, such as "chat"')
    .optional(),
  path: checked(PATH, checkPattern).default('/**'),
  methods: z
    .array(oneOf(METHODS), { error: () => `must be a list of ${METHODS.join(', ')}` })
    .min(1)
    .optional(),
  model: text(200).optional(),
  rpc: text(200).optional(),
  tool: text(200).optional(),
  headers: z.record(headerName, headerValue).optional(),
  upstream: checked('a URL such as http://127.0.0.1:11434', httpUrl).optional(),
  folder: text(4000).optional(),
  file: text(4000).optional(),
  video: text(4000).optional(),
  upstreamHeaders: z.record(headerName, headerValue).optional(),
  price: z.union([z.literal('free'), price, tariff], {
    error: ({ input }) =>
      `${typeof input === 'string' ? `"${input.slice(0, 60)}" is not` : 'must be'} ${PRICE}, "free", or an object with some of ${choices(tariff.shape)}`,
  }),
  credit: money.optional(),
  smallestPayment: amount.optional(),
  negotiate: negotiate.optional(),
  schemes: z
    .array(oneOf(SCHEME_NAMES), { error: () => `must be a list of ${SCHEME_NAMES.join(', ')}` })
    .min(1, `must name at least one of ${SCHEME_NAMES.join(', ')}`)
    .refine((schemes) => new Set(schemes).size === schemes.length, 'names one twice')
    .optional(),
  allowance: amount.optional(),
  credentialHeader: oneOf(AUTHORIZATION_HEADERS).optional(),
  grace: span.optional(),
  description: text().optional(),
  title: text(200).optional(),
  page: z.boolean({ error: () => 'must be true or false' }).optional(),
  free: read('an allowance such as "3 requests/day" (second, minute, hour, day)', readAllowance).optional(),
  payee: members({ node: text(4000) }).optional(),
  split: z.record(recipientName, read('a part such as 10%', readShare)).optional(),
  qualities: read(QUALITIES, readQualities).optional(),
}).superRefine((value, context) => {
  const given = SOURCES.filter((name) => value[name] !== undefined)
  if (given.length !== 1) {
    const message =
      given.length === 0
        ? `sells nothing: give it one of ${SOURCES.join(', ')}`
        : `sells one thing: either ${given.join(' or ')}`
    context.addIssue({ code: 'custom', path: given.slice(1, 2), message })
  }
  if (value.upstreamHeaders && !value.upstream) {
    const message = 'is for an upstream, and this route has none'
    context.addIssue({ code: 'custom', path: ['upstreamHeaders'], message })
  }
  if (value.allowance !== undefined && !value.schemes?.some((scheme) => scheme !== 'stream')) {
    const message = 'is for schemes other than stream, and this route has none'
    context.addIssue({ code: 'custom', path: ['allowance'], message })
  }
  if (value.qualities && value.video === undefined) {
    context.addIssue({ code: 'custom', path: ['qualities'], message: 'is for a video, and this route has none' })
  }
  for (const [path, message] of value.negotiate ? negotiateMistakes(value.negotiate, value.price) : []) {
    context.addIssue({ code: 'custom', path: ['negotiate', ...path], message })
  }
  if (value.price === 'free' && value.qualities?.some(({ price: own }) => own !== undefined)) {
    context.addIssue({ code: 'custom', path: ['qualities'], message: 'has prices, and the route is free' })
  }
})

const rate = members({
  value: z.union([z.string(), z.number()]).transform(String).optional(),
  file: text(4000).optional(),
  url: checked('a URL', httpUrl).optional(),
  read: z.custom<() => unknown>((value) => typeof value === 'function', 'must be a function').optional(),
  refresh: span.default(60_000),
  maxAge: span.default(600_000),
}).superRefine((value, context) => {
  const given = (['value', 'file', 'url', 'read'] as const).filter((name) => value[name] !== undefined)
  if (given.length !== 1) {
    context.addIssue({ code: 'custom', message: 'comes from one of value, file, url, or read (a function, in .mjs)' })
  }
})

/** The whole configuration of a gateway, from a file or from the flags of `streampay sell`. */
export const configSchema = members({
  listen: members({
    host: z
      .string({ error: () => 'must be an address' })
      .max(200)
      .default('127.0.0.1'),
    port: port.default(2402),
    cert: text(4000).optional(),
    key: text(4000).optional(),
    insecure: z.boolean({ error: () => 'must be true or false' }).default(false),
    trustProxy: z
      .number({ error: () => 'must be a number from 0 to 100' })
      .int()
      .min(0)
      .max(100, 'must be a number from 0 to 100')
      .default(0),
  }).prefault({}),
  node: text(4000).optional(),
  discovery: z.boolean({ error: () => 'must be true or false' }).default(true),
  dashboard: z
    .union([z.literal(false), members({ port: port.default(2403) })], {
      error: () => 'must be false, or { port: 2403 }',
    })
    .optional(),
  rates: z.record(z.string().regex(/^[A-Z]{3}$/, 'is not a currency such as USD'), rate).default({}),
  webhooks: z
    .array(
      members({
        url: checked('a URL', httpUrl),
        secretFile: text(4000),
        events: z
          .array(oneOf(EVENTS))
          .min(1)
          .default([...EVENTS]),
      }),
    )
    .default([]),
  recipients: z
    .record(recipientName, members({ node: text(4000), threshold: amount.optional(), interval: span.optional() }))
    .optional(),
  routes: z
    .array(route, { error: () => 'must be a list of routes' })
    .min(1, 'must have at least one route')
    .max(1000, 'has more than 1000 routes'),
}).superRefine((config, context) => {
  const names = new Set<string>()
  config.routes.forEach((each, index) => {
    const name = each.name
    if (name !== undefined && names.has(name)) {
      context.addIssue({
        code: 'custom',
        path: ['routes', index, 'name'],
        message: `"${name}" is another route's name`,
      })
    }
    if (name !== undefined) names.add(name)
    for (const [path, currency] of currenciesOf(each)) {
      if (config.rates[currency]) continue
      const message = `is in ${currency}, and rates has no ${currency}`
      context.addIssue({ code: 'custom', path: ['routes', index, ...path], message })
    }
  })
  for (const [path, message] of splitMistakes(config)) context.addIssue({ code: 'custom', path: [...path], message })
})

export type GatewayConfig = z.output<typeof configSchema>
/** As a file or a program writes it. */
export type GatewayConfigInput = z.input<typeof configSchema>
export type RouteConfig = GatewayConfig['routes'][number]
export type RecipientConfig = NonNullable<GatewayConfig['recipients']>[string]
export type RateConfig = GatewayConfig['rates'][string]

function httpUrl(value: string): URL {
  const url = new URL(value)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('not http')
  return url
}

/** The members of a route that are priced in another currency than bitcoin, with their place. */
function* currenciesOf({
  price: spec,
  credit,
  qualities = [],
}: RouteConfig): Iterable<readonly [readonly string[], string]> {
  const members =
    typeof spec === 'string'
      ? [[['price'], spec] as const]
      : Object.entries(spec).map(([name, value]) => [['price', name], value] as const)
  const ofQualities = qualities.map(({ price: own }) => [['qualities'], own] as const)
  for (const [path, value] of [...members, [['credit'], credit] as const, ...ofQualities]) {
    const currency = value === undefined ? undefined : currencyOf(value)
    if (currency !== undefined) yield [path, currency]
  }
}
