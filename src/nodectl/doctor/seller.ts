import { connect, type PeerCertificate } from 'node:tls'
import { streamChallenge, unreachable } from '../../buyer/trade/control.ts'
import { StreamError } from '../../errors/error.ts'
import type { Journal } from '../../ledger/index.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { formatAsked } from '../../money/tariff.ts'
import type { Offer } from '../../terms/terms.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { isLoopback } from '../../wire/loopback.ts'
import { decodeOffer } from '../../wire/offer.ts'
import { type Finding, type Judgement, ok, problem, skipped, warning } from './finding.ts'
import { judgeFirst, judgePieces, LISTEN_MS, listen, listenPaying, TRIAL_MAX } from './pieces.ts'
import { Walk } from './walk.ts'

/** A node that could buy there. */
export interface Purse {
  readonly name: string
  readonly network: Network
  readonly publicKey?: string | undefined
  open(): Promise<LightningNode>
}

export interface SellerOptions {
  /** Those of which one may buy. */
  readonly purses: readonly Purse[]
  readonly mayPay: (network: Network, what: string) => Promise<boolean>
  /** Where what is paid is written first. */
  readonly journal: Journal
  readonly onFinding?: (finding: Finding) => void
}

const ANSWER_MS = 10_000
const DAY_MS = 86_400_000
const SOON_MS = 14 * DAY_MS

/**
 * Looks at a seller as a buyer meets it: the way there, the offer, and whether a stream comes in pieces. Without a purse, or leave to
 * pay, nothing is spent.
 */
export async function examineSeller(url: string, options: SellerOptions): Promise<readonly Finding[]> {
  const walk = new Walk(options.onFinding)
  await walk.step(
    'tls',
    () => transportOf(url),
    (found) => judgeTransport(found, Date.now()),
  )
  const answer = await walk.step('seller', () => askWithoutPaying(url), judgeAnswer)
  if (!answer) return leaveRest(walk, 'seller')
  const offered = await walk.step('offer', async () => offerOf(answer), judgeOffer)
  if (!offered) return leaveRest(walk, 'offer')
  const { offer, challenge } = offered
  walk.note('offer-network', judgeOfferNetwork(offer, options))
  const purse = options.purses.find(({ network, publicKey }) => network === offer.network && publicKey !== offer.payee)
  if (!purse) {
    const todo = `Name a node on ${offer.network} other than the seller's own, and it is tried how a stream comes.`
    walk.note('buffering', skipped('no node is at hand that could buy there', todo))
    return walk.findings
  }
  const node = await purse.open()
  try {
    const first = await walk.step('buffering', () => listen(url, challenge, node), judgeFirst, LISTEN_MS * 3)
    if (!first || offer.price.unit === 'request') return walk.findings
    const deed = `pay up to ${formatMsat(TRIAL_MAX)} to ${new URL(url).host}`
    if (!(await options.mayPay(offer.network, deed))) return walk.findings
    await walk.step('buffering', () => listenPaying(url, node, options.journal), judgePieces, LISTEN_MS * 6)
    return walk.findings
  } finally {
    await node.close()
  }
}

function leaveRest(walk: Walk, because: 'seller' | 'offer'): readonly Finding[] {
  walk.skipTo('buffering', because)
  return walk.findings
}

export type Transport =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'tls'; readonly fault: string | undefined; readonly validTo: string | undefined }

function transportOf(url: string): Promise<Transport> {
  const { protocol, hostname, port } = new URL(url)
  if (protocol === 'http:') return Promise.resolve({ kind: isLoopback(url) ? 'loopback' : 'plain' })
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve, reject) => {
    // Looked at even when it is not to be trusted, to say why; nothing is sent.
    const wire = connect({
      host,
      port: Number(port || 443),
      servername: hostname,
      rejectUnauthorized: false,
      timeout: ANSWER_MS,
    })
    wire.once('secureConnect', () => {
      const { valid_to: validTo } = wire.getPeerCertificate() as Partial<PeerCertificate>
      const fault = wire.authorized ? undefined : `${wire.authorizationError}`
      wire.destroy()
      resolve({ kind: 'tls', fault, validTo })
    })
    const fail = (reason: unknown) => {
      wire.destroy()
      reject(unreachable(url, reason))
    }
    wire.once('timeout', () => fail(new Error(`no answer within ${ANSWER_MS / 1000} s`)))
    wire.once('error', fail)
  })
}

export function judgeTransport(transport: Transport, nowMs: number): Judgement {
  if (transport.kind === 'loopback') return ok('plain http, and on this machine alone')
  if (transport.kind === 'plain') {
    const todo = 'Serve https: `streampay sell --cert FILE --key FILE`, or a proxy that speaks TLS in front.'
    return problem('transport-insecure', 'plain http to another machine: buyers refuse to pay there', todo)
  }
  const { fault, validTo } = transport
  const todo = 'Get a certificate for this name from an authority that systems trust, and have it renewed by itself.'
  if (fault) return problem('seller-unreachable', `https, with a certificate that is not trusted: ${fault}`, todo)
  const endsMs = Date.parse(validTo ?? '')
  const until = Number.isNaN(endsMs) ? '' : ` until ${new Date(endsMs).toISOString().slice(0, 10)}`
  return endsMs - nowMs < SOON_MS
    ? warning(`https; its certificate is good${until}, which is soon over`, todo)
    : ok(`https, with a certificate that is good${until}`)
}

interface Answer {
  readonly response: Response
  readonly ms: number
}

async function askWithoutPaying(url: string): Promise<Answer> {
  const startedAt = performance.now()
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS) })
    await response.body?.cancel().catch(() => {})
    return { response, ms: performance.now() - startedAt }
  } catch (error) {
    throw unreachable(url, error)
  }
}

function judgeAnswer({ response, ms }: Answer): Judgement {
  const { status } = response
  const found = `it answers ${status} in ${Math.round(ms)} ms`
  if (status === 402) return ok(`${found}: it asks for payment`)
  if (status >= 300 && status < 400) {
    return problem(
      'redirect-refused',
      `${found}, a redirect to ${response.headers.get('location')}`,
      'Look at that URL instead.',
    )
  }
  if (status >= 500)
    return problem('seller-failed', found, 'See what the seller, or the proxy in front of it, writes to its log.')
  const todo = 'Look at a URL that is for sale; some ask for payment on another method than GET only.'
  return problem('seller-failed', `${found}, and asks for no payment`, todo)
}

async function offerOf({ response }: Answer): Promise<{ readonly offer: Offer; readonly challenge: Challenge }> {
  const challenge = streamChallenge(response)
  if (!challenge) throw new StreamError('challenge-malformed', 'the 402 has no `stream` challenge in WWW-Authenticate')
  return { challenge, offer: decodeOffer(challenge.request) }
}

const judgeOffer = ({ offer }: { readonly offer: Offer }): Judgement =>
  ok(`${formatAsked(offer)}, credit ${formatMsat(offer.credit.start)}, paid to ${offer.payee.slice(0, 12)}…`)

export function judgeOfferNetwork(offer: Offer, { purses }: Pick<SellerOptions, 'purses'>): Judgement {
  const known = [...new Set(purses.map((purse) => purse.network))]
  if (known.length === 0) return skipped(`the offer is on ${offer.network}; no node was named to compare it with`)
  if (known.includes(offer.network)) return ok(`the offer is on ${offer.network}, as the node is`)
  const found = `the offer is on ${offer.network}, and the node on ${known.join(' and ')}`
  return problem(
    'network-mismatch',
    found,
    "Use a node on the seller's network; the seller must sell by a node on its buyers' network.",
  )
}
