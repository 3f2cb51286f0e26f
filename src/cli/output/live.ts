import { stripVTControlCharacters } from 'node:util'

const ESCAPE = '\u001b'
const DEFAULT_COLUMNS = 80

/** Rewrites lines in place on a terminal; writes nothing anywhere else. */
export class LiveLines {
  #lines: readonly string[] = []
  readonly #stream: NodeJS.WriteStream

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream
  }

  draw(lines: readonly string[]): void {
    if (!this.#stream.isTTY) return
    const columns = this.#stream.columns || DEFAULT_COLUMNS
    // A line that wrapped could not be gone back over, and one that was cleared before it is written would flicker.
    const fitted = lines.map((line) => `${shorten(line, columns - 1)}${ESCAPE}[K\n`)
    this.#stream.write(`${this.#up()}${fitted.join('')}${ESCAPE}[J`)
    this.#lines = lines
  }

  /** Takes the lines away, so that what is said next stands in their place. */
  clear(): void {
    if (this.#lines.length > 0) this.#stream.write(`${this.#up()}${ESCAPE}[J`)
    this.#lines = []
  }

  /** Writes a line that stays, above those that live. */
  above(text: string): void {
    const lines = this.#lines
    this.clear()
    this.#stream.write(`${text}\n`)
    if (lines.length > 0) this.draw(lines)
  }

  #up(): string {
    return this.#lines.length > 0 ? `\r${ESCAPE}[${this.#lines.length}A` : ''
  }
}

/** Cuts a line, colours and all, to so many columns. */
export function shorten(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line)
  return plain.length <= columns ? line : `${plain.slice(0, Math.max(0, columns - 1))}…`
}
