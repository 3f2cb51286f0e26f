import { reachOf } from '../../buyer/requests/privateHosts.ts'
import { StreamError } from '../../errors/error.ts'

export interface HostRules {
  /** The only hosts that are asked, such as `api.example.com`, `*.example.com` or `127.0.0.1:2402`; any public one without. */
  readonly hosts?: readonly string[] | undefined
  /** Also this machine and private networks, whoever names an address there. */
  readonly isPrivateAllowed: boolean
}

const NAME = /^(?:\*\.)?[\w.-]+(?::\d{1,5})?$|^\[[\da-f:.]+\](?::\d{1,5})?$/i

/** @throws StreamError `option-invalid` */
export function readHosts(text: string): readonly string[] {
  const hosts = text.split(',').map((part) => part.trim().toLowerCase())
  const wrong = hosts.find((host) => !NAME.test(host))
  if (wrong === undefined) return hosts
  throw new StreamError(
    'option-invalid',
    `"${wrong}" is not a host such as api.example.com, *.example.com or 127.0.0.1:2402`,
  )
}

/**
 * Whether an address may be asked for. An agent is told addresses by whoever writes what it reads, and reaches what that one does not.
 * What a name stands for may change until it is used: only a firewall keeps a process from a private network for certain.
 * @throws StreamError `host-refused`, `seller-unreachable` for a name that cannot be looked up
 */
export async function checkHost(url: string, { hosts, isPrivateAllowed }: HostRules): Promise<void> {
  const { hostname, host } = new URL(url)
  if (hosts) {
    if (hosts.some((rule) => fits(rule, hostname.toLowerCase(), host.toLowerCase()))) return
    throw new StreamError('host-refused', `${host} is none of the hosts that may be asked`, { host })
  }
  if (isPrivateAllowed) return
  const reach = await reachOf(hostname).catch((error: unknown) => {
    throw new StreamError('seller-unreachable', `${host} cannot be looked up`, { host }, error)
  })
  if (reach === 'public') return
  throw new StreamError('host-refused', `${host} lies on this machine or in a private network`, { host })
}

function fits(rule: string, hostname: string, host: string): boolean {
  if (rule.startsWith('*.')) {
    const [name, port] = rule.slice(1).split(':') as [string, string?]
    return hostname.endsWith(name) && (port === undefined || host === `${hostname}:${port}`)
  }
  return rule === host || rule === hostname
}
