import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'
import type { WireError } from './calls.ts'
import { nodeFailed } from './failure.ts'

/** The part of `Worker` and `MessagePort` that calls travel over. */
interface Port {
  postMessage(message: unknown): void
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments of calls are known only where a table of calls is given
type Calls = Record<string, (...args: any[]) => unknown>
/** The names of an interface's methods, as a record type that an interface itself is not. */
type AsCalls<T> = { [M in keyof T]: T[M] extends (...args: infer A) => infer R ? (...args: A) => R : never }

interface Request {
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

export type Response =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError }

/**
 * Answers one request on the worker's side. A panic of the WASM code is no answer: it is thrown on, to end the worker,
 * for nothing that LDK says after it can be relied on.
 */
export async function answer<T extends AsCalls<T>>(calls: T, request: unknown, port: Port): Promise<void> {
  const { id, method, args } = request as Request
  try {
    const value = await (calls as unknown as Calls)[method]!(...args)
    port.postMessage({ id, value } satisfies Response)
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error
    port.postMessage({ id, error: toWire(error) } satisfies Response)
  }
}

interface Waiting {
  readonly request: Request
  sent: boolean
  resolve(value: unknown): void
  reject(error: Error): void
}

/** The calls that await an answer. They outlive the worker they were sent to: `sendAll` puts them to its successor. */
export class Caller {
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** Whether the worker owes an answer. */
  get isOwed(): boolean {
    for (const { sent } of this.#waiting.values()) if (sent) return true
    return false
  }

  /** Makes a call. Without a `port` it waits for the next `sendAll`. */
  call(port: Port | undefined, method: string, args: readonly unknown[]): Promise<unknown> {
    const request: Request = { id: ++this.#lastId, method, args }
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { request, sent: port !== undefined, resolve, reject })
      port?.postMessage(request)
    })
  }

  /** Puts every unanswered call to a new worker. */
  sendAll(port: Port): void {
    for (const waiting of this.#waiting.values()) {
      waiting.sent = true
      port.postMessage(waiting.request)
    }
  }

  settle(response: Response): void {
    const waiting = this.#waiting.get(response.id)
    this.#waiting.delete(response.id)
    if ('error' in response) waiting?.reject(fromWire(response.error))
    else waiting?.resolve(response.value)
  }

  rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

export function toWire(error: unknown): WireError {
  const { code, message, details } = storageTrouble(error) ? nodeFailed(error) : toStreamError(error)
  return { code, message, details }
}

export const fromWire = ({ code, message, details }: WireError): StreamError =>
  new StreamError(code as ErrorCode, message, details)
