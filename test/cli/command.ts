import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** Ends a test that would hang; no test is about time. */
const PATIENCE_MS = 60_000
const TERMINAL_ONLY = ['FORCE_COLOR', 'STREAMPAY_NODE', 'STREAMPAY_MAX', 'STREAMPAY_MAX_PRICE', 'STREAMPAY_AHEAD']

/** One line of JSON that the command said. */
export interface Event {
  readonly [name: string]: unknown
  readonly event?: string
}

export interface Result {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
  readonly events: readonly Event[]
  readonly last: Event
  readonly error: Event | undefined
}

const running = new Set<Running>()
const homes: string[] = []

afterAll(async () => {
  await Promise.all([...running].map((command) => command.kill()))
  for (const home of homes) rmSync(home, { recursive: true, force: true })
})

/** A folder of this file's own, deleted at its end. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-cli-'))
  homes.push(folder)
  return folder
}

/** The `streampay` command in a process (and process group) of its own. */
export class Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly #out: Buffer[] = []
  #stderr = ''
  readonly #json: boolean
  readonly #ended: Promise<number | null>

  readonly #patienceMs: number

  constructor(args: readonly string[], env: NodeJS.ProcessEnv, patienceMs = PATIENCE_MS) {
    this.#json = args.includes('--json')
    this.#patienceMs = patienceMs
    const inherited = Object.entries(process.env).filter(([name]) => !TERMINAL_ONLY.includes(name))
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.child.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk))
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk
    })
    this.#ended = once(this.child, 'close').then(([code]) => code as number | null)
    running.add(this)
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out)
  }

  get stderr(): string {
    return this.#stderr
  }

  get events(): Event[] {
    if (!this.#json) return []
    const lines = this.stdout.toString().split('\n')
    // What follows the last newline is not whole yet.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Event)
  }

  /** The first event of that name which fits. */
  async event(name: string, fits: (event: Event) => boolean = () => true): Promise<Event> {
    for (const end = Date.now() + this.#patienceMs; Date.now() < end; await sleep(20)) {
      const found = this.events.find((event) => event.event === name && fits(event))
      if (found) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) break
    }
    throw new Error(`no event ${name}; stdout: ${this.stdout.subarray(0, 2000)}; stderr: ${this.stderr}`)
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** Its end, when no process of its group is left. */
  async end(): Promise<Result> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), this.#patienceMs)
    const code = await this.#ended
    clearTimeout(timer)
    running.delete(this)
    expect(() => process.kill(-this.child.pid!, 0), 'a process was left').toThrow('ESRCH')
    expect(this.stderr, 'escape codes where there is no terminal').not.toContain('\u001b')
    const { events } = this
    const error = events.find(({ event }) => event === 'error')
    return { code, stdout: this.stdout, stderr: this.stderr, events, last: events.at(-1) ?? {}, error }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#ended
    running.delete(this)
  }
}

/** Starts commands that share a home, and so a private chain. */
export function commands(home: string, env: NodeJS.ProcessEnv = {}, patienceMs?: number) {
  const start = (...args: string[]) => new Running(args, { STREAMPAY_HOME: join(home, 'state'), ...env }, patienceMs)
  return {
    start,
    run: (...args: string[]): Promise<Result> => start(...args).end(),
    /** A seller on a free port, when it sells. */
    sell: async (target: string, price: string, ...args: string[]): Promise<{ seller: Running; url: string }> => {
      const seller = start('sell', target, '--price', price, '--json', '--port', '0', ...args)
      const { url } = await seller.event('selling')
      return { seller, url: url as string }
    },
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** An amount of a record. */
export const amount = (value: unknown): bigint => BigInt(value as string)

/** Both sides' promises, and that the sums add up. */
export function expectKept(end: Event): void {
  expect(amount(end.maxAhead)).toBeLessThanOrEqual(amount(end.ahead))
  expect(amount(end.maxUnpaid)).toBeLessThanOrEqual(amount(end.credit))
  if (!end.statement) return
  // A buyer that leaves may owe what came on credit: then there is nothing to come back.
  const left = amount(end.paid) - amount(end.delivered)
  expect(amount(end.returned) + amount(end.balance)).toBe(left > 0n ? left : 0n)
  expect(-left).toBeLessThanOrEqual(amount(end.credit))
}
