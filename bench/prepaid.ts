import { randomHex } from '../src/buyer/offers/negotiate.ts'
import type { LightningNode } from '../src/lightning/node.ts'
import { type Msat, sat } from '../src/money/msat.ts'
import { decodeAgreement } from '../src/wire/agreement.ts'
import type { Challenge } from '../src/wire/challenge.ts'
import { formatCredential } from '../src/wire/credential.ts'
import { parseChallenges } from '../src/wire/header.ts'

/** An agreement made over the wire by hand, for loads that no buyer makes: its credential to send with every request. */
export interface PrepaidAgreement {
  readonly authorization: string
}

export async function challengeOf(url: string): Promise<Challenge> {
  const response = await fetch(url)
  await response.text()
  const [challenge] = parseChallenges(response.headers.get('www-authenticate') ?? '')
  if (!challenge) throw new Error(`${url} answered ${response.status} without a challenge`)
  return challenge
}

/** Accepts a challenge, and pays the given amounts if there is a node. */
export async function openAgreement(
  url: string,
  challenge: Challenge,
  amounts: readonly Msat[],
  node?: LightningNode,
): Promise<PrepaidAgreement> {
  const nonce = randomHex(16)
  const accept = formatCredential({ challenge, payload: { action: 'accept', nonce, invoices: amounts } })
  const response = await fetch(url, { headers: { authorization: accept } })
  if (!response.ok) throw new Error(`accepting answered ${response.status}: ${await response.text()}`)
  const { agreement, secret, invoices } = decodeAgreement(await response.json())
  for (const request of node ? invoices : []) {
    const outcome = await node!.pay({ request, maxFee: sat(1), timeoutMs: 30_000 })
    if (outcome.status !== 'settled') throw new Error(`a payment ended ${outcome.status}`)
  }
  return { authorization: formatCredential({ challenge, payload: { action: 'use', agreement: agreement.id, secret } }) }
}
