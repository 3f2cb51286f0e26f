import { StreamError } from '../errors/error.ts'

/** Bounds of what is read from a foreign WWW-Authenticate: far above any honest server, far below what hurts. */
const MAX_HEADER = 65_536
const MAX_CHALLENGES = 32

/** One challenge of a WWW-Authenticate header, its parameters as they stand there. */
export interface Scheme {
  /** In lower case. */
  readonly scheme: string
  readonly parameters: Array<readonly [name: string, value: string]>
  broken: boolean
}

/**
 * The challenges of some schemes, in order: on separate lines, or joined by commas as `fetch` does. Other schemes are skipped.
 * @throws StreamError `challenge-malformed` for a header beyond bounds
 */
export function schemesOf(header: string | readonly string[], names: readonly string[]): Scheme[] {
  const lines = typeof header === 'string' ? [header] : header
  const length = lines.reduce((sum, line) => sum + line.length, 0)
  if (length > MAX_HEADER) throw new StreamError('challenge-malformed', `WWW-Authenticate exceeds ${MAX_HEADER} bytes`)
  const found = lines.flatMap((line) => readSchemes(line)).filter(({ scheme }) => names.includes(scheme))
  if (found.length > MAX_CHALLENGES) {
    throw new StreamError('challenge-malformed', `more than ${MAX_CHALLENGES} challenges`)
  }
  return found
}

const SEPARATORS = /[\s,]*/y
const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y
const EQUALS = /[ \t]*=[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy
/** L402 servers write base64 without quotes, padding and all. */
const UNQUOTED = /[^\s,"]+/y
const LENIENT = new Set(['l402', 'lsat'])
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
      const value =
        take(QUOTED)?.[1]?.replace(/\\(.)/gs, '$1') ?? take(LENIENT.has(current.scheme) ? UNQUOTED : TOKEN)?.[0]
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
