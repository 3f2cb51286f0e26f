import { StreamError } from '../../errors/error.ts'

/** How far units that were paid for reach, by our own caveat `<service>_allowance=<steps>:<unit>`. */
export interface Allowance {
  /** Steps of the unit, as prices count them (`src/money/price.ts`). */
  readonly steps: bigint
  readonly unit: string
}

/** What the caveats of a token allow at one service. What is absent is not restricted. */
export interface Grant {
  /** The tier at this service. Absent if no caveat names services. */
  readonly tier?: number
  readonly capabilities?: readonly string[]
  readonly validUntilMs?: number
  readonly allowance?: Allowance
}

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/
const MAX_VALUE = 512
const MAX_NAMES = 32

/** Name of the service in caveats: what aperture calls one of its `services`. @throws StreamError `option-invalid` */
export function checkServiceName(service: string): string {
  if (!NAME.test(service))
    throw new StreamError('option-invalid', `"${service.slice(0, 40)}" is not the name of a service`)
  return service
}

/** The caveats of a token for one service, in the order in which aperture writes them (L402, "Macaroon Caveats"). */
export function formatCaveats(service: string, { tier = 0, capabilities, validUntilMs, allowance }: Grant): string[] {
  checkServiceName(service)
  return [
    `services=${service}:${tier}`,
    ...(capabilities === undefined ? [] : [`${service}_capabilities=${capabilities.join(',')}`]),
    ...(validUntilMs === undefined ? [] : [`${service}_valid_until=${Math.floor(validUntilMs / 1000)}`]),
    ...(allowance === undefined ? [] : [`${service}_allowance=${allowance.steps}:${allowance.unit}`]),
  ]
}

/**
 * What the caveats of a verified macaroon allow at a service. Caveats of unknown names are skipped, as aperture does: they restrict nothing
 * here. A caveat that is repeated must narrow the one before, or the token was widened by whoever holds it.
 * @throws StreamError `macaroon-invalid` for a repeat that does not narrow, a value that cannot be read, or a token for other services
 * @example const { validUntilMs } = readCaveats(macaroon.caveats, 'stream')
 */
export function readCaveats(caveats: readonly string[], service: string): Grant {
  const services = narrowed(caveats, 'services', readServices, isFewerServices)
  const tier = services?.get(service)
  if (services && tier === undefined) throw invalid(`the token is not for the service "${service}"`)
  const capabilities = narrowed(caveats, `${service}_capabilities`, readNames, isSubset)
  const validUntilMs = narrowed(caveats, `${service}_valid_until`, readTime, (before, after) => after <= before)
  const allowance = narrowed(caveats, `${service}_allowance`, readAllowance, isLess)
  return {
    ...(tier !== undefined && { tier }),
    ...(capabilities && { capabilities }),
    ...(validUntilMs !== undefined && { validUntilMs }),
    ...(allowance && { allowance }),
  }
}

/** The last value of a caveat, after each was held against the one before. */
function narrowed<T>(
  caveats: readonly string[],
  name: string,
  read: (value: string) => T | undefined,
  narrows: (before: T, after: T) => boolean,
): T | undefined {
  let last: T | undefined
  for (const caveat of caveats) {
    const at = caveat.indexOf('=')
    if (at < 0 || caveat.slice(0, at) !== name) continue
    const value = caveat.length - at > MAX_VALUE ? undefined : read(caveat.slice(at + 1))
    if (value === undefined) throw invalid(`the caveat ${name} cannot be read`)
    if (last !== undefined && !narrows(last, value)) throw invalid(`the caveat ${name} is repeated and not narrower`)
    last = value
  }
  return last
}

/** `name:tier,name:tier` */
function readServices(value: string): ReadonlyMap<string, number> | undefined {
  const parts = value.split(',')
  const services = parts.map((part) => /^([^:,]+):(\d{1,3})$/.exec(part.trim()))
  if (parts.length > MAX_NAMES || services.some((match) => !match || !NAME.test(match[1]!))) return undefined
  return new Map(services.map((match) => [match![1]!, Number(match![2])]))
}

const isFewerServices = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): boolean =>
  [...after].every(([name, tier]) => tier <= (before.get(name) ?? -1))

function readNames(value: string): string[] | undefined {
  const names = value === '' ? [] : value.split(',').map((name) => name.trim())
  return names.length <= MAX_NAMES && names.every((name) => NAME.test(name)) ? names : undefined
}

/** `a,b`; an empty value names none. */
const isSubset = (before: readonly string[], after: readonly string[]): boolean =>
  after.every((name) => before.includes(name))

const readTime = (value: string): number | undefined => (/^\d{1,12}$/.test(value) ? Number(value) * 1000 : undefined)

/** The value of an allowance caveat; `undefined` if it cannot be read. */
export function readAllowance(value: string): Allowance | undefined {
  const match = /^(0|[1-9]\d{0,18}):([a-z][a-z0-9-]{0,31})$/.exec(value)
  return match ? { steps: BigInt(match[1]!), unit: match[2]! } : undefined
}

const isLess = (before: Allowance, after: Allowance): boolean =>
  after.unit === before.unit && after.steps <= before.steps

const invalid = (detail: string): StreamError => new StreamError('macaroon-invalid', detail)
