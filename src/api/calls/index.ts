import type { Call } from '../call.ts'
import { close, listAgreements, statement } from './agreements.ts'
import { setBudget, showBudgets } from './budgets.ts'
import { addCaller, listCallers, removeCaller } from './callers.ts'
import { listen } from './events.ts'
import { listPayments } from './history.ts'
import { makeInvoice, showInvoice } from './invoices.ts'
import { balance, status } from './node.ts'
import { pay, showPayment } from './payments.ts'
import { askOffer, decode } from './texts.ts'

/** Every call there is: the handler answers these, and the document describes these. */
export const CALLS: readonly Call[] = [
  status,
  balance,
  makeInvoice,
  showInvoice,
  pay,
  showPayment,
  decode,
  askOffer,
  listAgreements,
  close,
  statement,
  listPayments,
  showBudgets,
  setBudget,
  listCallers,
  addCaller,
  removeCaller,
  listen,
]
