import { stripVTControlCharacters } from 'node:util'
import { LiveLines } from './live.ts'

/** How a command speaks: JSON lines on stdout for machines, or text on stderr for people. */
export interface Output {
  readonly json: boolean
  /** A line for people, on stderr. Nothing with `--json`. */
  say(text: string): void
  /** A line that was asked for, on stdout, to be read or piped. Nothing with `--json`. */
  print(text: string): void
  /** Lines for people that are drawn over again, on a terminal only. `[]` takes them away. */
  live(lines: readonly string[]): void
  /** An event for machines, a line of JSON on stdout. Nothing without `--json`. */
  event(event: string, fields?: Readonly<Record<string, unknown>>): void
}

export function createOutput(json: boolean): Output {
  const lines = new LiveLines()
  return {
    json,
    say: (text) => {
      if (!json) lines.above(text)
    },
    print: (text) => {
      const plain = process.stdout.isTTY ? text : stripVTControlCharacters(text)
      if (!json) process.stdout.write(`${plain}\n`)
    },
    live: (texts) => {
      if (texts.length === 0) lines.clear()
      else if (!json) lines.draw(texts)
    },
    event: (event, fields = {}) => {
      if (json) process.stdout.write(`${JSON.stringify({ event, ...fields }, replaceBigint)}\n`)
    },
  }
}

/** For the verbs that a person runs on a terminal and a program in a pipe: JSON where stdout is no terminal, and where asked for. */
export const createPipedOutput = (json: boolean | undefined): Output =>
  createOutput(json === true || process.stdout.isTTY !== true)

const replaceBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
