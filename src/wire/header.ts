import { StreamError } from '../errors/error.ts'
import type { Challenge } from './challenge.ts'
import { fromUtf8, MAX_ENCODED, utf8 } from './encoding.ts'

/** Bounds of what is read from a foreign WWW-Authenticate: far above any honest server, far below what hurts. */
const MAX_HEADER = 65_536
const MAX_CHALLENGES = 32
const MAX_PARAMETERS = 32

const REQUIRED = ['id', 'realm', 'method', 'intent', 'request'] as const
const OPTIONAL = ['expires', 'digest', 'opaque', 'description'] as const

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
  const lines = typeof header === 'string' ? [header] : header
  const length = lines.reduce((sum, line) => sum + line.length, 0)
  if (length > MAX_HEADER) throw new StreamError('challenge-malformed', `WWW-Authenticate exceeds ${MAX_HEADER} bytes`)
  const found = lines.flatMap((line) => readSchemes(line)).filter(({ scheme }) => scheme === 'payment')
  if (found.length > MAX_CHALLENGES) {
    throw new StreamError('challenge-malformed', `more than ${MAX_CHALLENGES} challenges`)
  }
  const read = found.map(toChallenge)
  const good = read.filter((challenge) => typeof challenge !== 'string')
  const [problem] = read.filter((challenge) => typeof challenge === 'string')
  if (good.length === 0 && problem !== undefined) throw new StreamError('challenge-malformed', problem)
  return good
}

interface Scheme {
  readonly scheme: string
  readonly parameters: Array<readonly [name: string, value: string]>
  broken: boolean
}

/** A challenge, or what is wrong with it. */
function toChallenge({ parameters, broken }: Scheme): Challenge | string {
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

const SEPARATORS = /[\s,]*/y
const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy
const TOKEN68 = /[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y
const TO_NEXT = /(?:"(?:[^"\\]|\\.)*"?|[^",])*/sy

/**
 * Splits one header line into schemes with their parameters (RFC 9110, section 11.6.1). After a comma, a token is a parameter
 * of the scheme before if `=` follows, and otherwise the next scheme. Every expression is sticky and every turn moves on, so
 * the time is linear in the length.
 */
function readSchemes(line: string): Scheme[] {
  const schemes: Scheme[] = []
  let at = 0
  const take = (expression: RegExp): RegExpExecArray | undefined => {
    expression.lastIndex = at
    const match = expression.exec(line) ?? undefined
    if (match) at = expression.lastIndex
    return match
  }
  for (take(SEPARATORS); at < line.length; take(SEPARATORS)) {
    const current = schemes.at(-1)
    const token = take(TOKEN)?.[0].toLowerCase()
    if (token === undefined) {
      if (current) current.broken = true
      at += 1
      take(TO_NEXT)
    } else if (current && take(EQUALS)) {
      const value = take(QUOTED)?.[1]?.replace(/\\(.)/gs, '$1') ?? take(TOKEN)?.[0]
      if (value === undefined) current.broken = true
      else current.parameters.push([token, value])
      if (at < line.length && !/[\s,]/.test(line[at]!)) {
        current.broken = true
        take(TO_NEXT)
      }
    } else {
      schemes.push({ scheme: token, parameters: [], broken: false })
      take(TOKEN68)
    }
  }
  return schemes
}
