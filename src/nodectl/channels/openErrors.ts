import { StreamError } from '../../errors/error.ts'
import { brief, libraryError } from '../../lightning/lnd/index.ts'
import { formatMsat, type Msat, parseMsat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { networkOfGenesis } from '../networks/guard.ts'
import { shortKey, wordsOf } from '../peers/peersText.ts'

/** Why a channel was not opened, and whether it is sure that it was not. */
export interface OpenFailure {
  readonly error: StreamError
  /** LND or the peer said no. Otherwise LND may be at it still. */
  readonly certain: boolean
}

interface Asked {
  readonly network: Network
  readonly peer: string
  readonly amount: Msat
}

type Reading = (match: RegExpExecArray, asked: Asked) => StreamError

const size = (message: string): StreamError => new StreamError('channel-size', message)
const refused = (message: string): StreamError => new StreamError('peer-refused', message)
const funds = (message: string): StreamError => new StreamError('funds-insufficient', message)

/** LND's and its peers' words, the narrower first. All of them come before a funding transaction is signed. */
const READINGS: ReadonlyArray<readonly [RegExp, Reading]> = [
  [/unknown chain=([0-9a-f]{64}), supported chain=([0-9a-f]{64})/i, ([, , theirs], asked) => otherChain(asked, theirs)],
  [/unknown chain|unknown_chain|chain.?hash|wrong (?:chain|network)/i, (_, asked) => otherChain(asked)],
  [/is below min chan size of ([\d.]+ BTC)/, ([, least]) => size(`the peer takes channels of ${btc(least)} or more`)],
  [/exceeds maximum chan size of ([\d.]+ BTC)/, ([, most]) => size(`the peer takes channels of ${btc(most)} or less`)],
  [
    /too large, the max channel size is: ([\d.]+ BTC)/,
    ([, most]) => size(`this node opens channels of ${btc(most)} or less`),
  ],
  [/minimum channel size is: (\d+) SAT/i, ([, least]) => size(`a channel has ${btc(`${least} sat`)} or more`)],
  [/ExpectedLargerChannelSize/, () => size('a channel has 20 000 sat or more')],
  [
    /funder balance too small|amount pushed to remote/i,
    () => size('--push leaves this node too little for its reserve and the fee'),
  ],
  [/non-zero push amounts are disabled/, () => refused('the peer takes no channel with --push')],
  [
    /reserved wallet balance invalidated/i,
    () =>
      funds(
        'it would take the coins that LND keeps to close its channels safely: 10 000 sat for each of the first ten',
      ),
  ],
  [
    /not enough witness outputs.*need ([\d.]+ BTC) only have ([\d.]+ BTC)/,
    ([, need, have]) =>
      funds(`this takes ${btc(need)} with the fee, and the wallet has ${btc(have)} that are confirmed`),
  ],
  [
    /not enough witness outputs|insufficient funds|InsufficientFunds/i,
    () => funds('the wallet has too few coins that are confirmed'),
  ],
  [
    /pending channels exceed maximum|PendingChannelsExceed/i,
    () => refused('the peer waits for other channels of this node to open first'),
  ],
  [
    /RemoteNodeSyncing|synchronizing blockchain/i,
    () => refused('the peer is still following the chain itself; try again later'),
  ],
  [
    /CannotOpenChannelToOwnNode|channel to self/i,
    () => new StreamError('peer-invalid', 'this is the key of the node itself'),
  ],
  [/WalletNotFullySynced|wallet is fully synced/i, () => stillSyncing()],
  [
    /PeerIsNotOnline|is not online/i,
    (_, { peer }) => new StreamError('peer-unreachable', `${shortKey(peer)} is not connected: give KEY@HOST:PORT`),
  ],
  [
    /received funding error from [0-9a-f]{66}: chan_id=[0-9a-f]+, err=([\s\S]+)/,
    ([, words]) => refused(`the peer says: ${brief(words!)}`),
  ],
  [/RemoteNodeDoesNotSupportMultipleChannels/, () => refused('the peer takes one channel from a node and no more')],
]

export const stillSyncing = (): StreamError =>
  new StreamError('node-failed', 'LND is still following the chain; it opens channels when it is in step')

/** What it means that npm `lightning`'s `openChannel` rejected. */
export function openFailure(error: unknown, asked: Asked): OpenFailure {
  const words = wordsOf(error)
  for (const [pattern, read] of READINGS) {
    const match = pattern.exec(words)
    if (match) return { error: read(match, asked), certain: true }
  }
  const known = libraryError(error, 'opening a channel')
  // It never came to LND, or LND read it and turned it down.
  const never = /^No connection established|^Name resolution failed/i.test(words) || known.code === 'node-denied'
  if (never) return { error: known.code === 'node-failed' ? unreachable() : known, certain: true }
  return { error: openUnknown(asked.amount, `LND's last words were: ${brief(words)}`), certain: false }
}

const unreachable = (): StreamError => new StreamError('node-unreachable', 'opening a channel: no answer from LND')

/** @param why the end of the sentence */
export const openUnknown = (amount: Msat, why: string): StreamError =>
  new StreamError('open-unknown', `LND was asked for a channel of ${formatMsat(amount)}, and may be opening it; ${why}`)

function otherChain({ network, peer }: Asked, genesis?: string): StreamError {
  const theirs = genesis === undefined ? undefined : networkOfGenesis(genesis)
  const where =
    theirs ?? (genesis === undefined ? 'another network' : `a chain that begins with block ${genesis.slice(0, 16)}…`)
  const message = `the peer ${shortKey(peer)} is on ${where}, and this node on ${network}; nothing was spent`
  return new StreamError('network-mismatch', message, { network: theirs ?? 'unknown', expected: network })
}

/** Never an error in place of an error: what cannot be read stays as it is. */
function btc(amount: string | undefined): string {
  try {
    return formatMsat(parseMsat(amount ?? ''))
  } catch {
    return amount ?? '?'
  }
}
