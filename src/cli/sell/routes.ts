import { redact } from '../../errors/redact.ts'
import type { GatewayConfig, RouteConfig } from '../../gateway/config/schema.ts'
import type { GatewayRoute } from '../../gateway/gateway.ts'
import { routeNames } from '../../gateway/names.ts'
import { qualityName } from '../../gateway/video/qualities.ts'
import { formatPrice } from '../../money/price.ts'
import { formatTariff } from '../../money/tariff.ts'
import { bold, dim } from '../output/colour.ts'
import { plural } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { earnerLines, earnersOf } from './splits.ts'

/** A route for people and for events. */
export interface RouteRecord {
  readonly name: string
  readonly path: string
  readonly price: string
  readonly source: string
  /** Another node that is paid, and parts by name. */
  readonly payee?: string
  readonly split?: Readonly<Record<string, string>>
}

export const routeRecords = (routes: readonly GatewayRoute[]): RouteRecord[] =>
  routes.map(({ name, config, priced }) => ({
    name,
    path: conditions(config),
    price: withQualities(
      priced?.terms.tariff
        ? formatTariff(priced.terms.tariff)
        : priced
          ? formatPrice(priced.terms.price)
          : written(config),
      config,
    ),
    source: sourceText(config),
    ...earnersOf(config),
  }))

/** The price of all that is sold, or that there are several. */
export function priceText({ routes }: GatewayConfig): string {
  return routes.length === 1 ? withQualities(written(routes[0]!), routes[0]!) : `${routes.length} prices`
}

/** Shows what a configuration would sell. */
export function checked(config: GatewayConfig, output: Output): number {
  const names = routeNames(config.routes)
  const routes = config.routes.map((route, index) => ({
    name: names[index]!,
    path: conditions(route),
    price: withQualities(written(route), route),
    source: sourceText(route),
    ...earnersOf(route),
  }))
  output.event('checked', { ok: true, routes })
  output.say(`${plural(routes.length, 'route')}, and nothing wrong with them:`)
  for (const line of [...routeLines(routes), ...earnerLines(config)]) output.say(line)
  return 0
}

export function routeLines(routes: readonly RouteRecord[]): string[] {
  const wide = (of: (route: RouteRecord) => string) => Math.max(0, ...routes.map((route) => of(route).length))
  const [names, paths] = [wide(({ name }) => name), wide(({ path }) => path)]
  return routes.map(
    ({ name, path, price, source }) => `  ${bold(name.padEnd(names))}  ${path.padEnd(paths)}  ${price}  ${dim(source)}`,
  )
}

function written({ price }: RouteConfig): string {
  if (typeof price === 'string') return price
  return Object.entries(price)
    .map(([name, text]) => `${name} ${text}`)
    .join(', ')
}

/** A price with the qualities that have one of their own. */
function withQualities(text: string, { qualities = [] }: RouteConfig): string {
  const own = qualities.filter(({ price }) => price !== undefined)
  return own.length === 0 ? text : `${text}, ${own.map((each) => `${qualityName(each)} ${each.price}`).join(', ')}`
}

function conditions({ path, methods, model, rpc, tool, headers }: RouteConfig): string {
  const more = [
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(rpc === undefined ? [] : [`rpc ${rpc}`]),
    ...(tool === undefined ? [] : [`tool ${tool}`]),
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ]
  return `${methods ? `${methods.join('|')} ` : ''}${path}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}

const sourceText = ({ upstream, folder, file, video }: RouteConfig): string =>
  redact(upstream ?? folder ?? file ?? video ?? '')
