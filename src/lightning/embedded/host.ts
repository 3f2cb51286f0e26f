import { Worker } from 'node:worker_threads'
import { StreamError } from '../../errors/error.ts'
import { type NodeCalls, type NodeNotice, STOP, type WorkerStart } from './calls.ts'
import { nodeFailed } from './failure.ts'
import { Caller, fromWire, type Response } from './rpc.ts'

/** A node that fails this often within a minute is not started again. */
const MAX_FAILURES = 3
const FAILURES_WITHIN_MS = 60_000
/** How long a worker that is to be replaced is given for the answers it owes. The next one gives those that are late. */
const DRAIN_MS = 2_000
/** How long to wait before a node whose disk is full is started again, at first and at most. */
const FULL_MS = { first: 1_000, most: 10_000 }
/** A worker that has not ended by then is ended. Its state is safe: a turn is written as a whole or not at all. */
const STOP_MS = 10_000
const MIB = 1024 * 1024

export interface HostOptions {
  /** The worker's program. */
  readonly url: URL
  /** WASM memory above which the worker is replaced, in bytes. */
  readonly memoryLimit: number
  /** What a worker is started with; asked anew for every one. */
  start(): WorkerStart
  /** A worker, the first or a later one, answers. What it told before it did may have been lost. */
  onReady(): void
  onSettled(settlements: Extract<NodeNotice, { notice: 'settled' }>['settlements']): void
  /** There is no worker for now, because the disk is full; calls are refused until there is room. */
  onTrouble(error: StreamError): void
  /** There is no worker any more and there will be none. */
  onEnd(error: StreamError): void
  readonly log: ((line: string) => void) | undefined
}

/**
 * Keeps a worker running and calls reaching it. WASM memory never shrinks, so a worker that has grown too large is
 * replaced between payments by one that starts from the disk; one that fails is too. Calls wait meanwhile, and those
 * that a failed worker left unanswered are put to the next: every call can be asked twice (`NodeCalls`). Only while the
 * disk is full are calls refused, for that may last; a worker is then tried again and again.
 */
export class WorkerHost {
  readonly #options: HostOptions
  readonly #caller = new Caller()
  #worker: Worker | undefined
  /** Calls are held back until the worker owes no answer and can be replaced. */
  #draining = false
  #replacing: Promise<void> | undefined
  #drainTimer: NodeJS.Timeout | undefined
  #trouble: StreamError | undefined
  #fullMs = FULL_MS.first
  /** Ends the wait for room at once. */
  #wake: () => void = () => {}
  /** Awaited by those who asked for a new worker. */
  #ready: PromiseWithResolvers<void> | undefined
  #ended: StreamError | undefined
  #failures: number[] = []

  constructor(options: HostOptions) {
    this.#options = options
  }

  /** Starts the first worker. @throws StreamError of what keeps it from starting */
  async open(): Promise<void> {
    await this.#launch()
  }

  call<M extends keyof NodeCalls>(
    method: M,
    ...args: Parameters<NodeCalls[M]>
  ): Promise<Awaited<ReturnType<NodeCalls[M]>>> {
    const refused = this.#ended ?? this.#trouble
    if (refused) return Promise.reject(refused)
    const port = this.#draining ? undefined : this.#worker
    return this.#caller.call(port, method, args) as Promise<Awaited<ReturnType<NodeCalls[M]>>>
  }

  /** Replaces the worker as soon as it owes no answer, or keeps one waiting. Resolves when the next one answers. */
  recycle(): Promise<void> {
    const refused = this.#ended ?? this.#trouble
    if (refused) return Promise.reject(refused)
    this.#draining = true
    this.#replaceWhenIdle()
    this.#drainTimer ??= setTimeout(() => this.#replaceNow(), DRAIN_MS)
    this.#ready ??= Promise.withResolvers()
    return this.#ready.promise
  }

  async close(): Promise<void> {
    if (this.#ended) return
    const closed = new StreamError('node-unreachable', 'the node is closed')
    this.#ended = closed
    clearTimeout(this.#drainTimer)
    this.#wake()
    await this.#replacing?.catch(() => {})
    const worker = this.#worker
    this.#worker = undefined
    if (worker) await this.#stop(worker)
    this.#reject(closed)
  }

  #launch(): Promise<void> {
    const worker = new Worker(this.#options.url, { workerData: this.#options.start(), execArgv: [], stdout: true })
    // LDK prints a panic before it ends the worker; the program's own output is not the place for it.
    worker.stdout.on('data', (text) => this.#options.log?.(String(text)))
    let failure: Error | undefined
    return new Promise((resolve, reject) => {
      worker.on('message', (message: Response | NodeNotice) => {
        if (!('notice' in message)) this.#settle(message)
        else if (message.notice === 'ready') {
          this.#worker = worker
          this.#draining = false
          clearTimeout(this.#drainTimer)
          this.#drainTimer = undefined
          this.#trouble = undefined
          this.#fullMs = FULL_MS.first
          this.#caller.sendAll(worker)
          this.#options.onReady()
          this.#ready?.resolve()
          this.#ready = undefined
          resolve()
        } else if (message.notice === 'fatal') failure ??= fromWire(message.error)
        else this.#hear(message)
      })
      worker.on('error', (error) => {
        // What the worker said first, before it ended, says most.
        failure ??= error
      })
      worker.on('exit', () => {
        const error = nodeFailed(failure)
        reject(error)
        if (this.#worker === worker) this.#onFailure(error)
      })
    })
  }

  #settle(response: Response): void {
    this.#caller.settle(response)
    if (this.#draining) this.#replaceWhenIdle()
  }

  #hear(message: Exclude<NodeNotice, { notice: 'ready' | 'fatal' }>): void {
    if (message.notice === 'settled') this.#options.onSettled(message.settlements)
    else if (message.notice === 'log') this.#options.log?.(message.line)
    else if (message.bytes > this.#options.memoryLimit && !this.#draining) {
      this.#options.log?.(`starting anew: ${Math.round(message.bytes / MIB)} MiB of WASM memory are in use`)
      this.recycle().catch(() => {})
    }
  }

  #replaceWhenIdle(): void {
    if (!this.#caller.isOwed) this.#replaceNow()
  }

  #replaceNow(): void {
    const worker = this.#worker
    if (!worker || this.#replacing) return
    this.#worker = undefined
    this.#replace(this.#stop(worker))
  }

  /** Starts a new worker after the old one has let go of its files. */
  #replace(gone: Promise<unknown>): void {
    this.#replacing = gone
      .then(() => (this.#ended ? undefined : this.#launch()))
      .finally(() => {
        this.#replacing = undefined
      })
    this.#replacing.catch((error: StreamError) => this.#onFailure(error))
  }

  /** Has a worker that is no longer `#worker` write its last and ends it. */
  async #stop(worker: Worker): Promise<void> {
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const timer = setTimeout(() => worker.terminate(), STOP_MS)
    worker.postMessage(STOP)
    await ended
    clearTimeout(timer)
  }

  #onFailure(error: StreamError): void {
    if (this.#ended) return
    this.#worker = undefined
    this.#options.log?.(`the node stopped: ${error.message}`)
    if (error.code === 'disk-full') return this.#waitForRoom(error)
    const now = Date.now()
    this.#failures = [...this.#failures.filter((at) => at > now - FAILURES_WITHIN_MS), now]
    // What is on the disk does not get better by being read again.
    if (this.#failures.length < MAX_FAILURES && error.code !== 'node-corrupt') {
      this.#replace(Promise.resolve())
    } else {
      this.#ended = error
      this.#reject(error)
      this.#options.onEnd(error)
    }
  }

  #waitForRoom(error: StreamError): void {
    if (!this.#trouble) this.#options.onTrouble(error)
    this.#trouble = error
    this.#reject(error)
    const room = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#fullMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#fullMs = Math.min(2 * this.#fullMs, FULL_MS.most)
    this.#replace(room)
  }

  #reject(error: StreamError): void {
    this.#caller.rejectAll(error)
    this.#ready?.reject(error)
    this.#ready = undefined
  }
}
