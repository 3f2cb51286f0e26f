import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { checkConfig } from '../../gateway/config/read.ts'
import type { GatewayConfig, GatewayConfigInput } from '../../gateway/config/schema.ts'
import { isVideo } from '../../gateway/video/open.ts'
import { readQualities } from '../../gateway/video/qualities.ts'
import { parseMsat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import { checkSchemes } from '../../seller/schemes/quote.ts'
import { readReserve } from '../../terms/reserve.ts'
import { AUTHORIZATION_HEADERS, type CredentialHeader } from '../../wire/challenge.ts'
import { SCHEME_NAMES, type SchemeName } from '../../wire/challenges.ts'
import { readCount, readDuration, readPort } from '../options.ts'

const DASHBOARD_PORT = 2403

/** The options of `streampay sell` as they were typed. */
export interface SellOptions {
  readonly config?: string
  readonly check?: boolean
  readonly price?: string
  readonly credit: string
  readonly smallestPayment: string
  readonly floor?: string
  readonly rounds: string
  readonly schemes?: string
  readonly allowance?: string
  readonly credentialHeader?: string
  readonly free?: string
  readonly qualities?: string
  readonly node: string
  readonly host: string
  readonly port: string
  readonly grace: string
  readonly trustProxy: string
  readonly cert?: string
  readonly key?: string
  readonly insecure?: boolean
  readonly dashboard?: string | true
  readonly log?: string
  readonly json?: boolean
}

/**
 * The configuration that flags stand for: one route with everything below it.
 * @throws StreamError `option-invalid`, `price-invalid`, `amount-invalid`
 */
export function configOfFlags(target: string, options: SellOptions): GatewayConfig {
  if (options.price === undefined) {
    throw new StreamError(
      'option-invalid',
      'a target takes a --price, such as "1 sat/MiB"; prices by route take a --config',
    )
  }
  // Of something that plays, a second is one of playing time.
  const plays = /second$/.test(options.price === 'free' ? '' : parsePrice(options.price).unit) && isVideo(target)
  const source = plays ? { video: target } : sourceOf(target)
  // Read here first, so that what is wrong is told as of a flag and not of a file.
  if (options.price !== 'free') parsePrice(options.price)
  parseMsat(options.credit)
  parseMsat(options.smallestPayment)
  readDuration(options.grace)
  const rounds = readCount(options.rounds, '--rounds')
  if (options.floor !== undefined) readReserve(options.floor)
  const schemes = options.schemes === undefined ? undefined : readSchemes(options.schemes)
  if (options.allowance !== undefined) parseMsat(options.allowance)
  const header = options.credentialHeader === undefined ? undefined : readHeader(options.credentialHeader)
  if (options.qualities !== undefined) {
    readQualities(options.qualities)
    if (!plays)
      throw new StreamError('option-invalid', '--qualities is for a film, or a folder of them, with a price per second')
  }
  const input: GatewayConfigInput = {
    listen: listenOf(options),
    node: options.node,
    ...dashboardOf(options),
    routes: [
      {
        name: 'all',
        path: '/**',
        ...source,
        price: options.price,
        credit: options.credit,
        smallestPayment: options.smallestPayment,
        grace: options.grace,
        ...(options.floor !== undefined && { negotiate: { floor: options.floor, rounds } }),
        ...(schemes && { schemes: [...schemes] }),
        ...(options.allowance !== undefined && { allowance: options.allowance }),
        ...(header !== undefined && { credentialHeader: header }),
        ...(options.free !== undefined && { free: options.free }),
        ...(options.qualities !== undefined && { qualities: options.qualities }),
      },
    ],
  }
  return checkConfig(input)
}

/** @throws StreamError `option-invalid` */
function readSchemes(text: string): readonly SchemeName[] {
  const names = text.split(',').map((name) => name.trim())
  const wrong = names.find((name) => !SCHEME_NAMES.some((known) => known === name))
  if (wrong === undefined) return checkSchemes(names as SchemeName[])
  throw new StreamError('option-invalid', `--schemes: "${wrong.slice(0, 40)}" is none of ${SCHEME_NAMES.join(', ')}`)
}

/** @throws StreamError `option-invalid` */
function readHeader(text: string): CredentialHeader {
  const known = AUTHORIZATION_HEADERS.find((name) => name.toLowerCase() === text.toLowerCase())
  if (known !== undefined) return known
  throw new StreamError(
    'option-invalid',
    `--credential-header: "${text.slice(0, 40)}" is none of ${AUTHORIZATION_HEADERS.join(', ')}`,
  )
}

/** The configuration of a file, with what flags that were typed say in its place. */
export function withFlags(
  config: GatewayConfig,
  options: SellOptions,
  typed: (name: string) => boolean,
): GatewayConfig {
  const listen = Object.entries(listenOf(options)).filter(([name]) => typed(name))
  return {
    ...config,
    listen: { ...config.listen, ...Object.fromEntries(listen) },
    ...dashboardOf(options),
    ...((typed('node') || config.node === undefined) && { node: options.node }),
  }
}

const dashboardOf = ({ dashboard }: SellOptions) =>
  dashboard === undefined ? {} : { dashboard: { port: dashboard === true ? DASHBOARD_PORT : readPort(dashboard) } }

function listenOf({ host, port, trustProxy, cert, key, insecure = false }: SellOptions) {
  return {
    host,
    port: readPort(port),
    trustProxy: readCount(trustProxy, '--trust-proxy'),
    insecure,
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
}

/** What is sold: a URL is passed on to, anything else is read from disk. */
function sourceOf(
  target: string,
): { readonly upstream: string } | { readonly folder: string } | { readonly file: string } {
  if (/^https?:\/\//i.test(target)) return { upstream: target }
  const path = resolve(target)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new StreamError('option-invalid', `${path} does not exist; sell a folder, a file or a URL`)
  return stat.isDirectory() ? { folder: path } : { file: path }
}
