import { StreamError } from '../../errors/error.ts'
import { isLoopback } from '../../wire/loopback.ts'

/** What a connection string says. Holds a secret: never to be logged. */
export interface NwcConnection {
  /** The wallet service's Nostr key: 64 lowercase hex digits. */
  readonly wallet: string
  /** This connection's own secret key: 64 lowercase hex digits. Whoever has it spends what the connection may. */
  readonly secret: string
  /** Addresses of relays: `wss://`, or `ws://` on this machine. */
  readonly relays: readonly string[]
}

const MAX_RELAYS = 4
const KEY = /^[0-9a-f]{64}$/i

/**
 * @param where how an error calls it; the string itself never stands in one
 * @throws StreamError `node-spec-invalid`
 */
export function parseConnection(text: string, where: string): NwcConnection {
  const rest = /^nostr\+?walletconnect:(?:\/\/)?([^\s]+)$/i.exec(text)?.[1]
  if (rest === undefined) throw invalid(`${where} holds no connection string (nostr+walletconnect://…)`)
  const [wallet = '', query = ''] = rest.split(/[/?]+(.*)/s)
  const parameters = new URLSearchParams(query)
  const secrets = parameters.getAll('secret')
  const relays = [...new Set(parameters.getAll('relay'))]
  if (!KEY.test(wallet)) throw invalid(`the connection string in ${where} has no wallet key of 64 hex digits`)
  if (secrets.length !== 1 || !KEY.test(secrets[0]!)) {
    throw invalid(`the connection string in ${where} has no secret of 64 hex digits`)
  }
  if (relays.length === 0) throw invalid(`the connection string in ${where} names no relay`)
  if (relays.length > MAX_RELAYS)
    throw invalid(`the connection string in ${where} names more than ${MAX_RELAYS} relays`)
  return {
    wallet: wallet.toLowerCase(),
    secret: secrets[0]!.toLowerCase(),
    relays: relays.map((url) => checkRelay(url, where)),
  }
}

/** Amounts and times would be seen by everybody on the way, though not what is asked: only within this machine is that nobody. */
function checkRelay(text: string, where: string): string {
  const url = URL.parse(text)
  if (!url || !/^wss?:$/.test(url.protocol)) throw invalid(`a relay in ${where} is not wss://…`)
  if (url.username || url.password) throw invalid(`a relay in ${where} has a name or a password in it`)
  if (url.protocol === 'ws:' && !isLoopback(url.href)) {
    throw invalid(`the relay ${url.host} in ${where} is not private: wss://, or ws:// on this machine`)
  }
  return url.href
}

const invalid = (message: string): StreamError => new StreamError('node-spec-invalid', message)
