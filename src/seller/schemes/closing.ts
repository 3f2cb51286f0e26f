import type { Ledger } from '../../ledger/ledger.ts'
import { jcs } from '../../wire/encoding.ts'
import { encodeStatement } from '../../wire/statement.ts'
import type { Account } from '../account.ts'

/**
 * Closes an agreement of one of the field's schemes, which know no signed statement. Nothing is spent on it from the call on.
 * @returns whether this closed it
 * @throws StreamError `ledger-failed`
 */
export async function closeUnsigned(ledger: Ledger, account: Account): Promise<boolean> {
  const { id } = account.agreement
  account.shutDown()
  if ((await ledger.closingStatement(id)) !== undefined) return false
  const statement = account.statement()
  await ledger.close(id, statement.steps, jcs(encodeStatement({ ...statement, unsigned: true })))
  return true
}
