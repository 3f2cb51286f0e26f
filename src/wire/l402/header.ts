import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { StreamError } from '../../errors/error.ts'
import { utf8 } from '../encoding.ts'
import { type Scheme, schemesOf } from '../schemes.ts'
import { addCaveat, decodeMacaroon, encodeMacaroon, MAX_MACAROON, type Macaroon, parseMacaroon } from './macaroon.ts'

/** What a 402 offers under L402: pay the invoice, and the macaroon is good. */
export interface L402Challenge {
  /** As the server wrote it: base64, unread. It is sent back as it is. */
  readonly token: string
  /** BOLT 11, unread. */
  readonly invoice: string
}

/** A paid token, as it is shown to the server. */
export interface L402Credential {
  /** In order of the header. More than one is allowed by the specification; servers use the first. */
  readonly macaroons: readonly Macaroon[]
  /** 64 lowercase hex digits. */
  readonly preimage: string
}

const SCHEMES = ['l402', 'lsat'] as const
const MAX_INVOICE = 4096
const MAX_MACAROONS = 4
const MAX_TOKEN = Math.ceil(MAX_MACAROON / 3) * 4
const MAX_CREDENTIAL = 32_768

/**
 * The WWW-Authenticate values of an L402 offer: LSAT first, for clients that know no other name and read only the first. Both keys of the token
 * stand in each: the specification says `token`, and deployed clients match `macaroon="…", invoice="…"` right after the scheme.
 * @example for (const value of formatL402(challenge)) headers.append('WWW-Authenticate', value)
 */
export const formatL402 = (challenge: L402Challenge): string[] =>
  ['LSAT', 'L402'].map(
    (scheme) =>
      `${scheme} macaroon="${challenge.token}", invoice="${challenge.invoice}", version="0", token="${challenge.token}"`,
  )

/** An L402 offer, or what is wrong with it. Keys in any order; where both of the token are there, they must agree. */
export function toL402({ parameters, broken }: Scheme): L402Challenge | string {
  if (broken) return 'an L402 challenge cannot be read'
  const values = new Map(parameters)
  if (values.size < parameters.length) return 'an L402 challenge repeats a parameter'
  const [macaroon, token, invoice] = ['macaroon', 'token', 'invoice'].map((name) => values.get(name) || undefined)
  const version = values.get('version') ?? '0'
  if (version !== '0') return 'an L402 challenge is of another version than 0'
  const found = macaroon ?? token
  if (!found) return 'an L402 challenge lacks its macaroon'
  if (!invoice) return 'an L402 challenge lacks its invoice'
  if (macaroon && token && macaroon !== token) return 'an L402 challenge has two different tokens'
  // Not every server's token is a macaroon: some are JSON, or signed text with a dot in it.
  if (found.length > MAX_TOKEN || !/^[\w.~+/-]+=*$/.test(found)) return 'the token of an L402 challenge cannot be read'
  if (invoice.length > MAX_INVOICE || !/^ln[0-9a-z]+$/i.test(invoice))
    return 'the invoice of an L402 challenge cannot be read'
  return { token: found, invoice }
}

/**
 * Reads every L402 and LSAT challenge of a response, on separate lines or joined. What says the same twice, as LSAT and as L402, comes once.
 * @throws StreamError `challenge-malformed` if there were some and none could be read, or the header is beyond bounds
 */
export function parseL402(header: string | readonly string[]): L402Challenge[] {
  const read = schemesOf(header, SCHEMES).map(toL402)
  const good = read.filter((challenge) => typeof challenge !== 'string')
  const [problem] = read.filter((challenge) => typeof challenge === 'string')
  if (good.length === 0 && problem !== undefined) throw new StreamError('challenge-malformed', problem)
  return good.filter(
    ({ token, invoice }, i) => good.findIndex((other) => other.token === token && other.invoice === invoice) === i,
  )
}

/** The value of an Authorization header for a token as the server wrote it. */
export const formatL402Credential = (token: string, preimage: string): string => `L402 ${token}:${preimage}`

/** Whether an Authorization header holds an L402 or LSAT credential. */
export const isL402Credential = (header: string): boolean => /^\s*(?:l402|lsat)\s/i.test(header)

/**
 * Reads an Authorization header: `L402 <macaroon>:<preimage>`, with several macaroons joined by commas. Go's clients send the same as LSAT and as
 * L402, in two lines that arrive joined or of which only the first is kept: whatever says the same is one credential.
 * @throws StreamError `credential-malformed`, `credential-duplicate` for two that differ, `macaroon-invalid`
 */
export function parseL402Credential(header: string): L402Credential {
  const malformed = (detail: string) => new StreamError('credential-malformed', detail)
  if (header.length > MAX_CREDENTIAL) throw malformed(`longer than ${MAX_CREDENTIAL} characters`)
  const credentials = header
    .split(/(?:^|,)\s*(?:l402|lsat)\s+/i)
    .map((text) => text.trim())
    .filter((text) => text !== '')
  const [first] = credentials
  if (first === undefined || !isL402Credential(header)) throw malformed('not `L402` followed by a token')
  if (credentials.some((text) => text !== first)) {
    throw new StreamError('credential-duplicate', 'the Authorization header holds two different L402 credentials')
  }
  const match = /^([\w+/=,\s-]+):([0-9a-f]{64})$/i.exec(first)
  if (!match) throw malformed('not a macaroon and the 64 hex digits of a preimage, with a colon between')
  const macaroons = match[1]!.split(',').map((text) => text.trim())
  if (macaroons.length > MAX_MACAROONS) throw malformed(`more than ${MAX_MACAROONS} macaroons`)
  return { macaroons: macaroons.map(parseMacaroon), preimage: match[2]!.toLowerCase() }
}

/** Headers in which gRPC clients send a token, or sent it before it was called so: the macaroon in hex, with the preimage as its last caveat. */
export const L402_METADATA = ['grpc-metadata-macaroon', 'macaroon'] as const
/** The key of the specification ("gRPC Protocol Specification", "Client Flow"). Services have a use for such a name themselves. */
export const L402_TOKEN_METADATA = 'token'

/** Whether the value of `token` is one of L402: a macaroon of version 2, in hex. */
export const isL402Metadata = (value: string): boolean => /^\s*020[12][0-9a-f]+\s*$/i.test(value)

/** The value of such a header. */
export const formatL402Metadata = (macaroon: Macaroon, preimage: string): string =>
  bytesToHex(encodeMacaroon(addCaveat(macaroon, `preimage=${preimage}`)))

/** The value of such a header for a token as its server wrote it. One that is no macaroon is sent as it is: how it is bound to the preimage is its server's. */
export function toL402Metadata(token: string, preimage: string): string {
  try {
    return formatL402Metadata(parseMacaroon(token), preimage)
  } catch {
    return bytesToHex(bytesOf(token))
  }
}

function bytesOf(token: string): Uint8Array {
  try {
    const text = atob(token.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, ''))
    return Uint8Array.from(text, (char) => char.charCodeAt(0))
  } catch {
    return utf8(token)
  }
}

/**
 * Reads such a header. The caveat with the preimage was added by the client, so it is signed like any other.
 * @throws StreamError `credential-malformed`, `macaroon-invalid`
 */
export function parseL402Metadata(value: string): L402Credential {
  const hex = value.trim().toLowerCase()
  if (hex.length > 2 * MAX_MACAROON || hex.length % 2 !== 0 || !/^[0-9a-f]+$/.test(hex)) {
    throw new StreamError('credential-malformed', 'the macaroon header is not hex')
  }
  const macaroon = decodeMacaroon(hexToBytes(hex))
  const found = macaroon.caveats.map((caveat) => /^preimage=([0-9a-f]{64})$/i.exec(caveat)?.[1]).find((text) => text)
  if (!found) throw new StreamError('credential-malformed', 'the macaroon holds no caveat with a preimage')
  return { macaroons: [macaroon], preimage: found.toLowerCase() }
}
