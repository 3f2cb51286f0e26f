import { CODES } from '../../errors/codes.ts'
import { toStreamError } from '../../errors/error.ts'
import { fromNodeError } from './nodeErrors.ts'

/** How a command speaks: JSON lines on stdout for machines, or text on stderr for people. */
export interface Output {
  readonly json: boolean
  /** A line for people, on stderr. Nothing with `--json`. */
  say(text: string): void
  /** An event for machines, a line of JSON on stdout. Nothing without `--json`. */
  event(event: string, fields?: Readonly<Record<string, unknown>>): void
}

export function createOutput(json: boolean): Output {
  return {
    json,
    say: (text) => {
      if (!json) process.stderr.write(`${text}\n`)
    },
    event: (event, fields = {}) => {
      if (json) process.stdout.write(`${JSON.stringify({ event, ...fields }, replaceBigint)}\n`)
    },
  }
}

const replaceBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)

/** Reports why a command ends, and returns its exit code. What happened, why, and what to do. */
export function reportError(error: unknown, output: Output): number {
  const known = toStreamError(fromNodeError(error))
  const { code, message, hint, details, exitCode } = known
  output.event('error', { ...details, ok: false, code, title: CODES[code].title, message, hint, exit: exitCode })
  output.say(`${red('error')} ${message}  ${dim(`(${code})`)}`)
  for (const [name, value] of Object.entries(details)) output.say(dim(`      ${name}: ${value}`))
  output.say(`${dim('hint ')} ${hint}`)
  if (code === 'internal' && process.env.STREAMPAY_DEBUG && known.stack) output.say(known.stack)
  return exitCode
}

const colour = (): boolean =>
  process.stderr.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb'
const paint =
  (open: number, close: number) =>
  (text: string): string =>
    colour() ? `\u001b[${open}m${text}\u001b[${close}m` : text

export const bold = paint(1, 22)
export const dim = paint(2, 22)
export const red = paint(31, 39)
export const green = paint(32, 39)
export const yellow = paint(33, 39)
export const cyan = paint(36, 39)
