import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { msat, sat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import type { Agreement, Offer } from '../../terms/terms.ts'
import { createChallenge } from '../challenge.ts'
import type { Statement } from '../statement.ts'
import { makeInvoice } from './invoice.ts'

/** Keys anyone can guess, for tests and vectors. */
export const nodeKey: Uint8Array = new Uint8Array(32).fill(7)
export const payee: string = bytesToHex(secp256k1.getPublicKey(nodeKey))
export const challengeSecret: Uint8Array = new Uint8Array(32).fill(1)
export const agreementSecret: string = 'cd'.repeat(32)

/** 2 January 2026, 03:04:05 UTC. */
export const nowMs: number = Date.UTC(2026, 0, 2, 3, 4, 5)

export const offer: Offer = {
  price: parsePrice('1 sat/1k tokens'),
  credit: { start: sat(0), max: sat(50), ramp: 10n },
  smallestPayment: sat(1),
  network: 'regtest',
  payee,
  scope: '/v1',
  negotiable: true,
  round: 0,
}

export const agreement: Agreement = {
  id: 'ab'.repeat(16),
  price: offer.price,
  credit: offer.credit,
  smallestPayment: offer.smallestPayment,
  network: offer.network,
  payee: offer.payee,
  scope: offer.scope,
  expiresAtMs: nowMs + 86_400_000,
}

export const challenge = createChallenge({
  secret: challengeSecret,
  realm: 'api.example.com',
  offer,
  expiresAtMs: nowMs + 300_000,
})

export const statement: Statement = {
  agreement: agreement.id,
  sequence: 7n,
  price: agreement.price,
  steps: 412_345n,
  delivered: msat(412_345n),
  paid: sat(420),
  returned: sat(0),
  balance: msat(7_655n),
  state: 'open',
  due: sat(0),
  atMs: nowMs,
  payee,
  network: 'regtest',
}

export const invoice: string = makeInvoice({
  privateKey: nodeKey,
  network: 'regtest',
  amount: 20_000n,
  paymentHash: 'ef'.repeat(32),
  description: 'Stream',
  createdAtMs: nowMs,
  expiresInSeconds: 600,
})
