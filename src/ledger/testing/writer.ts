/*
 * Writes to a ledger and a journal as fast as it can until it is killed, and says on stdout what has been promised to be
 * kept: one line for each resolved call. usage: node writer.ts FOLDER FIRST
 */
import { writeSync } from 'node:fs'
import path from 'node:path'
import { msat, ZERO } from '../../money/msat.ts'
import { openJournal, openLedger } from '../index.ts'
import { agreement, hash, id, invoice, kept, payment, settlement } from './samples.ts'

const [folder = '', first = '1'] = process.argv.slice(2)
const ledger = openLedger(path.join(folder, 'ledger.db'))
const journal = openJournal(path.join(folder, 'journal.db'))
// Unbuffered: a line that was written is read, also when the next instruction is the last.
const promised = (text: string) => writeSync(1, `${text}\n`)

promised(`started ${first}`)
for (let n = Number(first); ; n++) {
  await ledger.addAgreement(agreement(n), n, [invoice(n)])
  promised(`agreement ${n}`)
  await ledger.settle(settlement(n, BigInt(n) + 5000n))
  promised(`settled ${n}`)
  await ledger.lease(id(n), 10n, 1000n)
  promised(`leased ${n}`)
  await ledger.close(id(n), 1000n, `{"n":${n}}`)
  promised(`closed ${n}`)
  const claim = { agreementId: id(n), paymentHash: hash(n), request: 'lnbcrt', amount: msat(100n), expiresAtMs: n }
  await ledger.addReturn(claim)
  promised(`returned ${n}`)
  await Promise.all([journal.addAgreement(kept(n)), journal.addPayment(payment(n))])
  promised(`sending ${n}`)
  await journal.endPayment(hash(n), { status: 'settled', fee: ZERO, preimage: hash(n) })
  promised(`sent ${n}`)
}
