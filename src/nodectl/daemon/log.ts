import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

/** Read at once; what is longer is read in turns. */
const PIECE_BYTES = 65_536
/** A line that has not ended by then is cut: nothing obliges a writer to end it. */
const MAX_LINE = 65_536
/** How much of the end of a file is looked through for its last lines, for each of them. */
const LINE_BYTES = 400

/** Reads a log that another process writes, and that it begins anew now and then under the same name. */
export class LogReader {
  readonly #file: string
  #inode = 0
  #at = 0
  #rest = ''
  #decoder = new StringDecoder('utf8')

  constructor(file: string) {
    this.#file = file
  }

  /** The last lines so far, oldest first; fewer when they are long. `next` goes on behind them. */
  last(count: number): string[] {
    return this.#read((size) => Math.max(0, size - count * LINE_BYTES))
      .slice(-count)
      .slice(0, count)
  }

  /** Whole lines that were written since the last call. */
  next(): string[] {
    return this.#read(() => 0)
  }

  /** @param start where to begin in a file that was not read before */
  #read(start: (size: number) => number): string[] {
    let fd: number
    try {
      fd = openSync(this.#file, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
    try {
      const { ino, size } = fstatSync(fd)
      // Another file, or the same cut short: what it held before was read, or is gone.
      const isFresh = ino !== this.#inode || size < this.#at
      const from = isFresh ? start(size) : this.#at
      if (isFresh) this.#begin(ino, from)
      const lines = this.#lines(fd, size)
      // The first may have begun before.
      return isFresh && from > 0 ? lines.slice(1) : lines
    } finally {
      closeSync(fd)
    }
  }

  #begin(inode: number, at: number): void {
    this.#inode = inode
    this.#at = at
    this.#rest = ''
    this.#decoder = new StringDecoder('utf8')
  }

  /** As far as the file reached when it was looked at: a writer that never rests does not hold this up. */
  #lines(fd: number, size: number): string[] {
    const lines: string[] = []
    const piece = Buffer.alloc(PIECE_BYTES)
    while (this.#at < size) {
      const read = readSync(fd, piece, 0, Math.min(PIECE_BYTES, size - this.#at), this.#at)
      if (read === 0) break
      this.#at += read
      const parts = (this.#rest + this.#decoder.write(piece.subarray(0, read))).split('\n')
      this.#rest = parts.pop()!
      lines.push(...parts)
      if (this.#rest.length > MAX_LINE) {
        lines.push(this.#rest)
        this.#rest = ''
      }
    }
    return lines
  }
}
