import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Runtime } from './runtimes.ts'

// biome-ignore lint/suspicious/noExplicitAny: lines of JSON of many shapes, and a wrong one fails the test
type Line = any

/** A program of `programs/` that runs in some runtime and talks in lines of JSON. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  readonly #lines: Line[] = []
  readonly #waiting: Array<() => void> = []
  #said = ''
  #isOver = false

  private constructor(child: ChildProcess) {
    this.child = child
    this.ended = once(child, 'close').then(([code]) => {
      this.#isOver = true
      for (const wake of this.#waiting.splice(0)) wake()
      return code
    })
    child.stderr!.on('data', (text) => {
      this.#said += text
    })
    createInterface({ input: child.stdout! }).on('line', (line) => {
      try {
        this.#lines.push(JSON.parse(line))
      } catch {
        this.#said += `${line}\n`
      }
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  static start(
    { command }: Runtime,
    folder: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Program {
    const [program, ...first] = command
    return new Program(spawn(program!, [...first, ...args], { cwd: folder, env: { ...process.env, ...env } }))
  }

  /** The first line that has this member, which is then taken away. @throws Error with all that was printed, if the program ends before */
  async line(member: string): Promise<Line> {
    for (;;) {
      const at = this.#lines.findIndex((line) => member in line)
      if (at >= 0) return this.#lines.splice(at, 1)[0][member]
      if (this.#isOver) throw new Error(`ended without ${member}: ${JSON.stringify(this.#lines)}\n${this.#said}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Asks one that answers. */
  async ask(ask: string): Promise<Line> {
    this.child.stdin!.write(`${JSON.stringify({ ask })}\n`)
    if (ask === 'end') this.child.stdin!.end()
    for (;;) {
      const at = this.#lines.findIndex(({ answer }) => answer === ask)
      if (at >= 0) return this.#lines.splice(at, 1)[0].result
      if (this.#isOver) throw new Error(`ended without an answer to ${ask}:\n${this.#said}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}
