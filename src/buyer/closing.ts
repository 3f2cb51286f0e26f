import { StreamError, toStreamError } from '../errors/error.ts'
import type { LightningNode } from '../lightning/node.ts'
import { type Msat, msat, sat } from '../money/msat.ts'
import type { Agreement } from '../terms/terms.ts'
import { checkStatement, decodeStatement, type Statement, verifyStatement } from '../wire/statement.ts'
import { control, type Endpoint, readJson, send } from './control.ts'
import type { Deal } from './negotiate.ts'

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
const RETURN_LIFE_SECONDS = 3600

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
    checkStatement(statement, agreement)
    verifyStatement(statement, agreement.payee)
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

/** Has the balance paid back to an invoice of the buyer's own node. */
export async function takeBack(
  node: LightningNode,
  endpoint: Endpoint,
  { agreement, secret, challenge }: Deal,
  amount: Msat,
): Promise<Closing['returned']> {
  if (amount === 0n) return 'nothing'
  if (amount < SMALLEST_RETURN) return 'kept'
  try {
    const description = `return ${agreement.id}`
    const [invoice] = await node.createInvoices([
      { amount: msat(amount), description, expiresInSeconds: RETURN_LIFE_SECONDS },
    ])
    const payload = { action: 'return' as const, agreement: agreement.id, secret, invoice: invoice!.request }
    const answer = await readJson(await send({ ...endpoint, timeoutMs: RETURN_TIMEOUT_MS }, challenge, payload))
    const status = (answer as { status?: unknown } | undefined)?.status
    return status === 'settled' || status === 'pending' ? status : 'failed'
  } catch {
    return 'failed'
  }
}
