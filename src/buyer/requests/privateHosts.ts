import { StreamError } from '../../errors/error.ts'

/**
 * IP addresses that only this machine or its neighbours reach, or nobody (IANA, "Special-Purpose Address Registry"). Addresses
 * of IPv6 that carry one of IPv4 are not reached by their name alone, so all of them count.
 */
const SUBNETS: ReadonlyArray<readonly [string, number, 'ipv4' | 'ipv6']> = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 9, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]

/** Where a host lies: `private` on this machine or in a private network, with all its addresses; `mixed` with some of them. */
export type Reach = 'public' | 'mixed' | 'private'

/**
 * Where a URL's host lies, by its address or by all that its name stands for.
 * @throws StreamError `redirect-refused` for a name that cannot be looked up: then nobody knows
 */
export async function reachOf(hostname: string): Promise<Reach> {
  const { isIP } = process.getBuiltinModule('node:net')
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host)) return isPrivateAddress(host) ? 'private' : 'public'
  if (/(?:^|\.)localhost\.?$/i.test(host)) return 'private'
  const { lookup } = process.getBuiltinModule('node:dns/promises')
  const found = await lookup(host, { all: true }).catch(() => {
    const message = `a redirect was not followed: ${host} cannot be looked up`
    throw new StreamError('redirect-refused', message, { location: host })
  })
  const among = found.filter(({ address }) => isPrivateAddress(address)).length
  if (among === 0) return 'public'
  return among === found.length ? 'private' : 'mixed'
}

let privateAddresses: import('node:net').BlockList | undefined

/** Whether only this machine, its neighbours or nobody can be reached at an IP address. */
export function isPrivateAddress(address: string): boolean {
  const { BlockList, isIPv6 } = process.getBuiltinModule('node:net')
  if (!privateAddresses) {
    privateAddresses = new BlockList()
    for (const subnet of SUBNETS) privateAddresses.addSubnet(...subnet)
  }
  return privateAddresses.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
