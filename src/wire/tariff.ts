import { toStreamError } from '../errors/error.ts'
import type { Price } from '../money/price.ts'
import { checkTariff, type Tariff } from '../money/tariff.ts'
import type { Fields } from './fields.ts'
import { decodePrice } from './terms.ts'

interface ChargeJson {
  readonly amount: string
  readonly per: string
  /** Of `output` only: an upload is counted in bytes, an input in tokens. */
  readonly unitType?: string
}

/** The `tariff` of an offer and of an agreement (spec section 1.1). */
export interface TariffJson {
  readonly request?: string
  readonly upload?: ChargeJson
  readonly input?: ChargeJson
  readonly output?: ChargeJson
  readonly minimum?: string
  readonly extra?: string
}

const UNITS = { upload: 'byte', input: 'token', output: undefined } as const
const PRICES = ['upload', 'input', 'output'] as const
const AMOUNTS = ['request', 'minimum', 'extra'] as const
const MEMBERS: ReadonlySet<string> = new Set([...PRICES, ...AMOUNTS])

/** The member `tariff`, where there is one: to be spread into what has it. */
export const encodeTariff = (tariff: Tariff | undefined): { readonly tariff?: TariffJson } =>
  tariff === undefined ? {} : { tariff: tariffJson(tariff) }

function tariffJson(tariff: Tariff): TariffJson {
  const json: Record<string, string | ChargeJson> = {}
  for (const name of PRICES) {
    const charge = tariff[name]
    if (charge)
      json[name] = {
        amount: `${charge.msat}`,
        per: `${charge.per}`,
        ...(name === 'output' && { unitType: charge.unit }),
      }
  }
  for (const name of AMOUNTS) if (tariff[name] !== undefined) json[name] = `${tariff[name]}`
  return json
}

/**
 * Reads `tariff` of an offer or an agreement. What it names is all that may be charged: a member that a later version may bring is not
 * to be passed over.
 * @param price of the same offer or agreement: for a msat of what the tariff comes to
 */
export function decodeTariff(fields: Fields, { unit }: Price): { readonly tariff?: Tariff } {
  if (!fields.has('tariff')) return {}
  if (unit !== 'msat') fields.fail('unitType', 'msat, where there is a tariff')
  const json = fields.object('tariff')
  if (Object.keys(json.record).some((name) => !MEMBERS.has(name))) {
    fields.fail('tariff', `of ${[...MEMBERS].join(', ')} and nothing else`)
  }
  const charge = (name: (typeof PRICES)[number]) => {
    const member = json.object(name)
    return decodePrice(member, UNITS[name] ?? member.string('unitType', 32))
  }
  const tariff: Tariff = {
    ...(json.has('request') && { request: json.amount('request') }),
    ...(json.has('upload') && { upload: charge('upload') }),
    ...(json.has('input') && { input: charge('input') }),
    ...(json.has('output') && { output: charge('output') }),
    ...(json.has('minimum') && { minimum: json.amount('minimum') }),
    ...(json.has('extra') && { extra: json.amount('extra') }),
  }
  try {
    return { tariff: checkTariff(tariff) }
  } catch (error) {
    return fields.fail('tariff', `a tariff (${toStreamError(error).message})`)
  }
}
