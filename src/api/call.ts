import type { z } from 'zod'
import type { Journal } from '../ledger/journal.ts'
import type { Bounds } from './bounds.ts'
import type { Caller } from './caller.ts'
import type { HandPayments } from './handPayments.ts'
import type { Listening } from './listening.ts'
import type { LocalApiParts } from './parts.ts'

/** What a call works on. */
export interface Context {
  readonly parts: LocalApiParts
  readonly caller: Caller
  /** As the caller has it: the owner's is whole. */
  readonly journal: Journal
  readonly payments: HandPayments
  readonly listening: Listening
  readonly bounds: Bounds
  readonly signal: AbortSignal
  /** Where this process was asked, such as `http://127.0.0.1:2404`. */
  readonly url: string
}

/** What is answered: JSON, with amounts as bigint or as decimal strings, unless it is a Response of its own. */
export type Reply = { readonly status: number; readonly body: object } | Response

export interface Answer {
  readonly description: string
  readonly schema?: z.ZodType
  /** `application/json` by default. */
  readonly type?: string
}

type Shape = z.ZodType | undefined
type Value<T extends Shape> = T extends z.ZodType ? z.output<T> : undefined

/** One call of the API: what the document says of it, what is validated, and what is done. */
export interface CallSpec<P extends Shape, Q extends Shape, B extends Shape> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/.streampay/v1`, with parameters in braces. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly ownerOnly?: true
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /** By status. Problems are not named: every call may have one. */
  readonly answers: Readonly<Record<number, Answer>>
  run(
    input: { readonly params: Value<P>; readonly query: Value<Q>; readonly body: Value<B> },
    context: Context,
  ): Promise<Reply>
}

/** A call whose types are known to itself alone. */
export type Call = Omit<CallSpec<z.ZodType, z.ZodType, z.ZodType>, 'run'> & {
  run(input: { params: unknown; query: unknown; body: unknown }, context: Context): Promise<Reply>
}

/** Checks that what a call does fits what it says it takes. */
export const call = <P extends Shape = undefined, Q extends Shape = undefined, B extends Shape = undefined>(
  spec: CallSpec<P, Q, B>,
): Call => spec as unknown as Call
