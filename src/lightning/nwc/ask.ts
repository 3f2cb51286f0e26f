import type { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { WalletRefusal } from './errors.ts'
import type { WalletLink } from './link.ts'
import { readAnswer, type Transaction, transactionSchema } from './messages.ts'

const ANSWER_MS = 20_000
const LOOKUP_MS = 10_000
/** A wallet that is asked too often has done nothing, and says so. */
const LATER_MS = { first: 500, last: 5_000 }

/** What is needed of a link: so little that a test can be one. */
export type Asked = Pick<WalletLink, 'request'>

/**
 * Asks the wallet one thing, and reads the answer. Where it says that it was asked too often, it is asked again until the time is up.
 * @throws WalletRefusal, NoAnswer, StreamError `node-failed` for an answer that cannot be read
 */
export async function ask<T extends z.ZodType>(
  link: Asked,
  schema: T,
  method: string,
  params: object,
  { timeoutMs = ANSWER_MS, validMs }: { readonly timeoutMs?: number; readonly validMs?: number } = {},
): Promise<z.output<T>> {
  const untilMs = performance.now() + timeoutMs
  for (let pauseMs = LATER_MS.first; ; pauseMs = Math.min(pauseMs * 2, LATER_MS.last)) {
    const leftMs = Math.max(1, untilMs - performance.now())
    try {
      const answer = await link.request(method, params, {
        timeoutMs: leftMs,
        ...(validMs !== undefined && { validMs }),
      })
      return readAnswer(schema, answer, method)
    } catch (error) {
      const later = error instanceof WalletRefusal && error.code === 'RATE_LIMITED'
      if (!later || performance.now() + pauseMs > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}

/** What the wallet has under a payment hash, in or out; `undefined` if it says that there is nothing. */
export async function find(
  link: Asked,
  paymentHash: string,
  timeoutMs: number = LOOKUP_MS,
): Promise<Transaction | undefined> {
  try {
    const found = await ask(link, transactionSchema, 'lookup_invoice', { payment_hash: paymentHash }, { timeoutMs })
    if (found.payment_hash === paymentHash) return found
    throw new StreamError('node-failed', 'the wallet was asked for one payment and told of another', { paymentHash })
  } catch (error) {
    if (error instanceof WalletRefusal && isNotFound(error)) return undefined
    throw error
  }
}

/** There is a code for it, and wallets that have another. */
const isNotFound = ({ code, message }: WalletRefusal): boolean =>
  code === 'NOT_FOUND' || (/^(INTERNAL|OTHER)$/.test(code) && /not.?found|no such|unable to locate/i.test(message))
