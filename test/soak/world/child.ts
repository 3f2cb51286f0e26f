import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Order, Question, Questions } from './orders.ts'

const READY_MS = 120_000
const ANSWER_MS = 180_000

interface Answer {
  readonly to: number
  readonly value?: unknown
  readonly error?: string
}

/** A process of the run, which can be asked, frozen and killed. */
export class Child {
  readonly #process: ChildProcess
  readonly #errors: string
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly gone: Promise<void>
  #asked = 0

  /** Starts it, and resolves once it is ready. @throws Error with the last that it said */
  static async start(program: string, order: Order, errors: string): Promise<Child> {
    const child = new Child(program, order, errors)
    await child.#answer(0, 'its start', READY_MS)
    return child
  }

  private constructor(program: string, order: Order, errors: string) {
    this.#errors = errors
    const output = openSync(errors, 'a', 0o600)
    const stdio = ['ignore', output, output, 'ipc'] as const
    const path = fileURLToPath(new URL(program, import.meta.url))
    this.#process = fork(path, [JSON.stringify(order)], { execArgv: [], stdio: [...stdio] })
    closeSync(output)
    this.#process.on('message', (answer: Answer) => this.#waiting.get(answer.to)?.(answer))
    this.gone = new Promise((resolve) => {
      this.#process.once('exit', () => {
        for (const [to, wake] of this.#waiting) wake({ to, error: `it ended: ${this.#lastWords()}` })
        resolve()
      })
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** @throws Error if it cannot, or ends meanwhile */
  async ask<Q extends Question>(question: Q, asks: Questions[Q]['asks']): Promise<Questions[Q]['answers']> {
    const to = ++this.#asked
    const answer = this.#answer(to, question, ANSWER_MS)
    if (this.#process.connected) this.#process.send({ to, question, asks })
    return (await answer) as Questions[Q]['answers']
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.gone
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  async #answer(to: number, what: string, withinMs: number): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const timer = setTimeout(() => resolve({ to, error: `no answer within ${withinMs / 1000} s` }), withinMs)
    this.#waiting.set(to, resolve)
    if (!this.running) resolve({ to, error: 'it is not running' })
    const answer = await promise
    clearTimeout(timer)
    this.#waiting.delete(to)
    if (answer.error !== undefined) throw new Error(`${what}: ${answer.error}`)
    return answer.value
  }

  #lastWords(): string {
    return readFileSync(this.#errors, 'utf8').slice(-1500)
  }
}
