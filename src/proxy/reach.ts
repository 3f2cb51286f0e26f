import { isIP, isIPv4 } from 'node:net'
import { isPrivateAddress } from '../buyer/requests/privateHosts.ts'
import { StreamError } from '../errors/error.ts'
import { isLoopback } from '../wire/loopback.ts'

export interface ReachOptions {
  /** Whether hosts of private networks may be asked for. */
  readonly privateNetworks: boolean
  /** Where the proxy was told to go: open whatever its address. */
  readonly to: URL | undefined
}

/** Where the machines of a cloud tell their secrets, and other things of a cable's own. */
const LINK_LOCAL = /^(?:169\.254\.|fe[89ab][\da-f]:|fd00:ec2::)/i

/**
 * Where the proxy goes. Sellers on this machine have to be asked for as such; a public name never leads into this machine or a private
 * network; what only lies on the cable is closed to all.
 */
export class Reachable {
  readonly #options: ReachOptions
  /** Host and port where this proxy itself listens, once it does. */
  own: { readonly port: number; readonly host: string } | undefined

  constructor(options: ReachOptions) {
    this.#options = options
  }

  /** @throws StreamError `target-refused` */
  check(url: URL): void {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw refused(`${url.protocol} is no scheme that is paid for: only http and https are`)
    }
    if (url.username !== '' || url.password !== '') throw refused('a name or password in the address has no place')
    const host = plain(url.hostname)
    if (isLoopback(url.href) || host === '0.0.0.0' || host === '::') {
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
      if (port === this.own?.port) throw refused('that is this proxy itself')
      if (host === '0.0.0.0' || host === '::') throw refused(`${host} is no host`)
      return
    }
    const refusal = isIP(host) ? this.refusal(host, [host]) : undefined
    if (refusal) throw refusal
  }

  /** Why a host must not be asked for at these addresses. */
  refusal(hostname: string, addresses: readonly string[]): StreamError | undefined {
    const host = plain(hostname)
    if (host === plain(this.#options.to?.hostname ?? '')) return undefined
    if (addresses.some((address) => LINK_LOCAL.test(mapped(address)))) {
      return refused(`${host} is an address of this cable alone, where secrets of machines are told`)
    }
    if (/(?:^|\.)localhost$/i.test(host) && addresses.every((address) => /^(?:127\.|::1$)/.test(address)))
      return undefined
    const isPrivate = addresses.some((address) => isPrivateAddress(mapped(address)))
    if (!isPrivate || this.#isOpen(host, addresses)) return undefined
    return refused(`${host} is in a private network`)
  }

  /** Even where private networks are open, this machine is asked for by its own names alone. */
  #isOpen(host: string, addresses: readonly string[]): boolean {
    const isThisMachine = addresses.some((address) => /^(?:127\.|0\.|::1?$)/.test(mapped(address)))
    return this.#options.privateNetworks && (!isThisMachine || isIP(host) !== 0)
  }
}

const plain = (hostname: string): string =>
  hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()

/** An address of IPv4 that is written as one of IPv6. */
function mapped(address: string): string {
  const last = address.slice(address.lastIndexOf(':') + 1)
  if (!/^::ffff:/i.test(address)) return address
  if (isIPv4(last)) return last
  const [high = 0, low = 0] = address
    .split(':')
    .slice(-2)
    .map((part) => Number.parseInt(part, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

const refused = (why: string): StreamError => new StreamError('target-refused', why)
