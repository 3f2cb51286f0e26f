/** Where a node listens for peers, and what it tells others. */
export interface Reach {
  /** `HOST:PORT`s; `undefined` when LND does not tell. */
  readonly listening: readonly string[] | undefined
  /** What it announces: `HOST:PORT`, `….onion:PORT`. */
  readonly announced: readonly string[]
  /** It connects through Tor. */
  readonly tor: boolean
}

/**
 * - `onion`: it announces an address in Tor, which needs no open port.
 * - `announced`: it announces an address that others may reach; whether they do is for others to see.
 * - `listens`: it listens where others may come, and tells nobody where.
 * - `local`: it listens for this machine or this local network alone.
 * - `closed`: it listens nowhere.
 * - `unknown`: LND does not say.
 */
export type Reachability = 'onion' | 'announced' | 'listens' | 'local' | 'closed' | 'unknown'

/** What follows from it, as far as it can be known from inside. */
export function reachOf({ listening, announced }: Reach): Reachability {
  if (announced.some(isOnion)) return 'onion'
  if (announced.some((address) => !isLocal(address))) return 'announced'
  if (listening === undefined) return announced.length > 0 ? 'local' : 'unknown'
  if (listening.length === 0) return 'closed'
  return listening.every((address) => isLocal(address)) ? 'local' : 'listens'
}

const isOnion = (address: string): boolean => /\.onion(?::\d+)?$/i.test(address)

/**
 * Whether an address is of one machine or of one local network (RFC 1918, RFC 4193, RFC 6598, link-local), so that nobody from
 * elsewhere can come there. Listening on all interfaces (`0.0.0.0`, `[::]`, `:PORT`) is not local.
 */
export function isLocal(address: string): boolean {
  const host = address
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
  if (host === 'localhost' || host === '::1' || /^f[cd][0-9a-f]{2}:|^fe[89ab][0-9a-f]:/.test(host)) return true
  const [a = -1, b = -1, c, d, more] = host.split('.').map(Number)
  if (d === undefined || c === undefined || more !== undefined) return false
  return (
    a === 127 ||
    a === 10 ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b <= 127)
  )
}

/** When a port must be open at all. The same for every node. */
export const PORT_WORDS: readonly string[] = [
  'who buys needs no open port: payments go out over connections that this node makes itself',
  'who sells needs none for being paid either: money comes over the same connections',
  'a port must be open for one thing: that others can connect to this node, to open channels to it',
]

/** The way round a router that cannot be set up: lines of lnd.conf, and what has to run. */
export const TOR_WORDS: readonly string[] = [
  'a way that needs no open port is Tor: install it, let it run, and give LND these lines in lnd.conf:',
  '  [Application Options]',
  '  listen=localhost',
  '  [tor]',
  '  tor.active=1',
  '  tor.v3=1',
  "LND then announces a .onion address; Tor's ControlPort (9051) must be open to LND",
]

const listed = (addresses: readonly string[]): string => addresses.join(', ')

/** What is known about one node, in plain words: first the state, then what to do. */
export function reachWords(reach: Reach): string[] {
  const where = listed(reach.listening ?? [])
  switch (reachOf(reach)) {
    case 'onion':
      return [`others reach this node through Tor, at ${listed(reach.announced.filter(isOnion))}`]
    case 'announced':
      return [
        `this node announces ${listed(reach.announced)}; whether a router or firewall lets others through cannot be seen from here`,
        'have somebody try `streampay node peers connect KEY@HOST:PORT` from another network, or look at it in a public explorer',
      ]
    case 'listens':
      return [
        `this node listens on ${where}, and announces no address: others can come only if they are told where, and let through`,
        'to be found, forward the port in the router and give LND `externalip=HOST:PORT` in lnd.conf',
      ]
    case 'local':
      return [
        `this node listens on ${where || listed(reach.announced)}: only this machine or this local network can connect to it`,
        'it makes connections and is paid all the same; others cannot open channels to it unless it connects to them first',
      ]
    case 'closed':
      return [
        'this node listens for no peers: it makes connections, and is paid over them',
        'others cannot open channels to it unless it connects to them first',
      ]
    case 'unknown':
      return ['this LND does not tell where it listens, and announces no address']
  }
}
