import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Guard } from '../../../lightning-net/guard.ts'
import { Child } from './child.ts'
import type { Order, Question, Questions } from './orders.ts'

/** A seller or a buyer over all its lives: the process may be killed, what it wrote stays. */
export class Actor {
  readonly name: string
  readonly order: Order
  readonly #program: string
  readonly #guard: Guard
  #child: Child | undefined
  lives = 0

  constructor(name: string, program: string, order: Order, guard: Guard) {
    this.name = name
    this.order = order
    this.#program = program
    this.#guard = guard
    mkdirSync(order.folder, { recursive: true, mode: 0o700 })
  }

  get log(): string {
    return join(this.order.folder, 'log')
  }

  async start(): Promise<void> {
    this.lives++
    const child = await Child.start(this.#program, this.order, join(this.order.folder, 'errors'))
    this.#child = child
    // Frozen when this process dies, it would never learn of it.
    this.#guard.watch(child.pid)
    void child.gone.then(() => this.#guard.forget(child.pid))
  }

  ask<Q extends Question>(question: Q, asks: Questions[Q]['asks']): Promise<Questions[Q]['answers']> {
    if (!this.#child) throw new Error(`${this.name} was never started`)
    return this.#child.ask(question, asks)
  }

  async kill(): Promise<void> {
    await this.#child?.kill()
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#child?.running) this.#child.signal(name)
  }

  /** Ends it in order. */
  async close(): Promise<void> {
    await this.ask('close', undefined)
    await this.#child?.gone
  }
}
