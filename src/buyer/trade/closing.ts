import { unlessAborted } from '../../errors/aborted.ts'
import { StreamError, toStreamError } from '../../errors/error.ts'
import type { Journal, JournalReturn } from '../../ledger/journal.ts'
import type { PayingNode } from '../../lightning/node.ts'
import { type Msat, minus, sat } from '../../money/msat.ts'
import type { Agreement } from '../../terms/terms.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { decodeStatement, type Statement, verifyClosing } from '../../wire/statement.ts'
import type { Deal } from '../offers/negotiate.ts'
import { control, type Endpoint, exchange } from './control.ts'

/** How a trade ended. */
export interface Closing {
  readonly agreement: string
  readonly statement: Statement
  /** What became of the balance: `kept` is too small to return, `nothing` was left. */
  readonly returned: 'settled' | 'pending' | 'failed' | 'kept' | 'nothing'
  readonly amount: Msat
  /** Set if the seller's statement contradicts the buyer's own count or the agreement. */
  readonly dispute?: StreamError
}

/** A smaller return stays with the seller: it would cost more than it brings. */
export const SMALLEST_RETURN = sat(1)
const RETURN_TIMEOUT_MS = 60_000
/** Long enough for a seller to try again for a while, and short enough to ask anew the next day. */
const RETURN_LIFE_SECONDS = 24 * 3600

/** Asks for the final statement. @throws StreamError of the seller, `statement-invalid` */
export async function askForClosing(
  endpoint: Endpoint,
  { agreement, secret, challenge }: Deal,
  paid: Msat,
): Promise<Statement> {
  return decodeStatement(await control(endpoint, challenge, { action: 'close', agreement: agreement.id, secret, paid }))
}

/** What is wrong with a final statement, if anything: its sums and signature, payments left out, or a count beyond what came. */
export function disputeOf(
  statement: Statement,
  agreement: Agreement,
  own: { readonly paid: Msat; readonly steps: bigint; readonly excess: bigint },
): StreamError | undefined {
  try {
    verifyClosing(statement, agreement)
  } catch (error) {
    return toStreamError(error)
  }
  if (statement.state !== 'closed') return new StreamError('statement-invalid', 'the statement is not a closing one')
  if (statement.paid < own.paid) {
    return new StreamError('statement-invalid', "the seller's statement leaves out payments that settled", {
      paid: `${own.paid}`,
      stated: `${statement.paid}`,
    })
  }
  if (own.excess === 0n) return undefined
  return new StreamError('count-mismatch', `the seller counts ${own.excess} more steps than can have been received`, {
    stated: `${statement.steps}`,
    received: `${own.steps}`,
  })
}

/** What taking a balance back takes. */
export interface Taking {
  readonly node: PayingNode
  readonly journal: Journal
  readonly endpoint: Endpoint
  readonly deal: Deal
}

/**
 * Has the balance paid back to an invoice of the buyer's own node. The invoice is in the journal before the seller sees it, so
 * that asking again asks for the same one. That it was paid is the word of the buyer's own node.
 */
export async function takeBack(taking: Taking, amount: Msat): Promise<Closing['returned']> {
  if (amount === 0n) return 'nothing'
  if (amount < SMALLEST_RETURN) return 'kept'
  const { node, journal, deal } = taking
  const { signal } = taking.endpoint
  const { id } = deal.agreement
  let asked = false
  try {
    signal?.throwIfAborted()
    const request = { amount, description: `return ${id}`, expiresInSeconds: RETURN_LIFE_SECONDS }
    const [invoice] = await unlessAborted(node.createInvoices([request]), signal)
    await journal.noteReturn(id, { invoice: invoice!.request, amount, status: 'asked' })
    asked = true
    return await askForReturn(taking, invoice!.request, amount)
  } catch {
    // What was asked for may be paid, though nobody said so.
    return asked ? 'pending' : 'failed'
  }
}

/**
 * What a seller still owes on a closed agreement: all that was paid, also after the close, less what it delivered and what came back or
 * was asked back. The statement is the seller's own word on what it delivered.
 */
export function owed(paid: Msat, { delivered }: Statement, returns: readonly JournalReturn[]): Msat {
  const back = returns.filter(({ status }) => status !== 'failed').reduce((sum, { amount }) => sum + amount, 0n)
  return minus(paid, delivered + back)
}

/** Asks for a return whose invoice is in the journal, and notes what became of it. Repeating it never makes it paid twice. */
export async function askForReturn(
  { node, journal, endpoint, deal }: Taking,
  invoice: string,
  amount: Msat,
): Promise<'settled' | 'pending' | 'failed'> {
  const { secret, challenge, agreement } = deal
  const payload = { action: 'return' as const, agreement: agreement.id, secret, invoice }
  const { paymentHash } = decodeInvoice(invoice)
  const arrived = async () => (await unlessAborted(node.lookupInvoice(paymentHash), endpoint.signal)) !== undefined
  let answered: unknown
  let refused = false
  if (!(await arrived())) {
    const { response, body } = await exchange({ ...endpoint, timeoutMs: RETURN_TIMEOUT_MS }, challenge, payload)
    answered = (body as { status?: unknown } | undefined)?.status
    refused = response.status >= 400 && response.status < 500 && response.status !== 429
  }
  // The seller's word that it paid is not enough, and that it failed does not undo what arrived.
  const status = (await arrived()) ? 'settled' : refused || answered === 'failed' ? 'failed' : 'pending'
  await journal.noteReturn(agreement.id, { invoice, amount, status: status === 'pending' ? 'asked' : status })
  return status
}
