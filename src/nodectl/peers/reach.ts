import { getConfiguration, getWalletInfo } from 'lightning'
import { type Admin, ask } from '../admin.ts'
import { type Reach, type Reachability, reachOf } from './reachText.ts'

/**
 * Whether others can connect to a node, as far as that can be known from inside.
 * @throws StreamError one of the `node-…` codes
 * @example for (const line of reachWords(await readReach(admin))) console.log(line)
 */
export async function readReach({ lnd }: Admin): Promise<Reach & { readonly verdict: Reachability }> {
  const { uris = [] } = await ask('asking LND who it is', getWalletInfo({ lnd }))
  // An LND before 0.18 does not tell its configuration.
  const settings = await getConfiguration({ lnd }).then(
    ({ options }) => new Map(options.map(({ type, value }) => [type, value])),
    () => new Map<string, string>(),
  )
  const reach: Reach = {
    // `[127.0.0.1:9735 0.0.0.0:9736]`, as Go prints a list.
    listening: settings.has('listen') ? listOf(settings.get('listen')) : undefined,
    announced: uris.map((uri) => uri.slice(uri.indexOf('@') + 1)),
    tor: settings.get('tor.active') === 'true',
  }
  return { ...reach, verdict: reachOf(reach) }
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .replace(/^\[|\]$/g, '')
    .split(' ')
    .filter(Boolean)
