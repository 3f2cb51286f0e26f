import { StreamError } from '../errors/error.ts'
import type { Challenge } from './challenge.ts'
import { fromUtf8, MAX_ENCODED, utf8 } from './encoding.ts'
import { type Scheme, schemesOf } from './schemes.ts'

const MAX_PARAMETERS = 32

const REQUIRED = ['id', 'realm', 'method', 'intent', 'request'] as const
const OPTIONAL = ['expires', 'digest', 'opaque', 'header', 'description'] as const

/**
 * The value of a WWW-Authenticate header (draft-httpauth-payment, "Challenge"). A description beyond ASCII is written as its
 * UTF-8 bytes, one character each, since a header holds bytes.
 * @example response.headers.append('WWW-Authenticate', formatChallenge(challenge))
 */
export function formatChallenge(challenge: Challenge): string {
  const parameters = [...REQUIRED, ...OPTIONAL].flatMap((name) => {
    const value = challenge[name]
    return value === undefined ? [] : [`${name}="${quote(name === 'description' ? toByteString(value) : value)}"`]
  })
  return `Payment ${parameters.join(', ')}`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a header cannot hold them, which is the point
const quote = (text: string): string => text.replace(/[\x00-\x1f\x7f]/g, ' ').replace(/["\\]/g, '\\$&')

const toByteString = (text: string): string => Array.from(utf8(text), (byte) => String.fromCharCode(byte)).join('')

function fromByteString(text: string): string {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: whether every character is one byte
  return /^[\x00-\xff]*$/.test(text) ? (fromUtf8(bytes) ?? text) : text
}

/**
 * Reads every `Payment` challenge of a response: on separate lines, or joined by commas as `fetch` does. Other schemes and
 * unknown parameters are skipped. A challenge that lacks or repeats a parameter is dropped.
 * @throws StreamError `challenge-malformed` if `Payment` challenges were there and none could be read, or the header is beyond bounds
 * @example parseChallenges(response.headers.get('www-authenticate') ?? '').find((c) => c.intent === 'stream')
 */
export function parseChallenges(header: string | readonly string[]): Challenge[] {
  const read = schemesOf(header, ['payment']).map(toChallenge)
  const good = read.filter((challenge) => typeof challenge !== 'string')
  const [problem] = read.filter((challenge) => typeof challenge === 'string')
  if (good.length === 0 && problem !== undefined) throw new StreamError('challenge-malformed', problem)
  return good
}

/** A challenge, or what is wrong with it. */
export function toChallenge({ parameters, broken }: Scheme): Challenge | string {
  if (broken || parameters.length > MAX_PARAMETERS) return 'a Payment challenge cannot be read'
  const values = new Map(parameters)
  if (values.size < parameters.length) return 'a Payment challenge repeats a parameter'
  const missing = REQUIRED.find((name) => !values.get(name))
  if (missing) return `a Payment challenge lacks ${missing}`
  const total = parameters.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (total > MAX_ENCODED) return `a Payment challenge exceeds ${MAX_ENCODED} bytes`
  const known = [...REQUIRED, ...OPTIONAL].flatMap((name) => {
    const value = values.get(name)
    return value === undefined ? [] : [[name, name === 'description' ? fromByteString(value) : value] as const]
  })
  return Object.fromEntries(known) as unknown as Challenge
}
