import { resolve } from 'node:path'
import type { GatewayConfig, RouteConfig } from './schema.ts'

/** The same configuration with its files where they are: what a file names lies beside that file. */
export function resolveFiles(config: GatewayConfig, folder: string): GatewayConfig {
  const path = (text: string): string => resolve(folder, text)
  const paths = <T extends object>(value: T, ...names: readonly (keyof T)[]): T => {
    const found = names.filter((name) => typeof value[name] === 'string')
    return { ...value, ...Object.fromEntries(found.map((name) => [name, path(value[name] as string)])) }
  }
  // What follows a colon may be a file: `file:./key`, `nwc:./wallet.nwc`, `lnd:../lnd`.
  const after = (text: string): string =>
    text.replace(/^(file|nwc|lnd):(\.\.?\/.*)$/, (_, kind, rest) => `${kind}:${path(rest)}`)
  const route = (each: RouteConfig): RouteConfig => ({
    ...paths(each, 'folder', 'file', ...(/^https?:/i.test(each.video ?? '') ? [] : (['video'] as const))),
    ...(each.upstreamHeaders && {
      upstreamHeaders: Object.fromEntries(
        Object.entries(each.upstreamHeaders).map(([name, value]) => [name, after(value)]),
      ),
    }),
    ...(each.payee && { payee: { node: after(each.payee.node) } }),
  })
  return {
    ...config,
    listen: paths(config.listen, 'cert', 'key'),
    ...(config.node !== undefined && { node: after(config.node) }),
    rates: Object.fromEntries(Object.entries(config.rates).map(([name, rate]) => [name, paths(rate, 'file')])),
    webhooks: config.webhooks.map((hook) => paths(hook, 'secretFile')),
    ...(config.recipients && {
      recipients: Object.fromEntries(
        Object.entries(config.recipients).map(([name, each]) => [name, { ...each, node: after(each.node) }]),
      ),
    }),
    routes: config.routes.map(route),
  }
}
