import { CODES } from '../../errors/codes.ts'
import { type StreamError, toStreamError } from '../../errors/error.ts'
import { formatMsat } from '../../money/msat.ts'
import { dim, red } from './colour.ts'
import { fromNodeError } from './nodeErrors.ts'
import type { Output } from './output.ts'

/** Details that are amounts of msat: people read them in sat. */
const AMOUNTS = new Set(['received', 'paid', 'left', 'max', 'ahead', 'needed', 'due', 'unknown', 'spent'])
/** Details for programs alone. */
const FOR_PROGRAMS = new Set(['agreement', 'steps', 'status', 'limit'])

/** Reports why a command ends, and returns its exit code. What happened, why, and what to do. */
export function reportError(error: unknown, output: Output): number {
  const known = toStreamError(fromNodeError(error))
  const { code, message, hint, retryable, details, exitCode } = known
  output.event('error', {
    ...details,
    ok: false,
    code,
    title: CODES[code].title,
    message,
    hint,
    retryable,
    exit: exitCode,
  })
  output.say(`${red('error')} ${plain(message)}  ${dim(`(${code})`)}`)
  const facts = factsOf(message, details)
  if (facts.length > 0) output.say(dim(`      ${facts.join(' · ')}`))
  output.say(`${dim('hint ')} ${hint}`)
  if (code === 'internal' && process.env.STREAMPAY_DEBUG) output.say(stackOf(known))
  return exitCode
}

/** Where it began: the cause's stack, of which a StreamError has taken what may be a secret. */
function stackOf({ stack = '', cause }: StreamError): string {
  return cause instanceof Error && cause.stack ? cause.stack : stack
}

/** What the message does not say already. */
function factsOf(message: string, details: Readonly<Record<string, string>>): string[] {
  return Object.entries(details)
    .filter(([name]) => !FOR_PROGRAMS.has(name))
    .map(
      ([name, value]) => [name, AMOUNTS.has(name) && /^\d+$/.test(value) ? formatMsat(BigInt(value)) : value] as const,
    )
    .filter(([, value]) => !message.includes(value))
    .map(([name, value]) => `${name} ${plain(value)}`)
}

/** Without control characters: what another side wrote must not steer the terminal. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
