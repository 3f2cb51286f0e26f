import { StreamError } from '../errors/error.ts'
import { type Msat, minus } from '../money/msat.ts'
import type { Network } from '../money/network.ts'
import type { Price } from '../money/price.ts'
import type { Agreement } from '../terms/terms.ts'
import { jcs } from './encoding.ts'
import { Fields } from './fields.ts'
import { verifyMessage } from './message.ts'
import { decodePrice } from './terms.ts'
import { formatTime } from './time.ts'

export type StatementState = 'open' | 'paused' | 'closed'

/** What was delivered and paid on an agreement so far, as the seller says (spec section 4). */
export interface Statement {
  /** Agreement id, 32 lowercase hex digits. */
  readonly agreement: string
  /** Grows with every statement of an agreement. */
  readonly sequence: bigint
  readonly price: Price
  /** Steps delivered. A `second` is counted in milliseconds, every other unit in ones. */
  readonly steps: bigint
  /** Cost of `steps`, rounded down. */
  readonly delivered: Msat
  readonly paid: Msat
  /** Returned to the buyer, or on its way. */
  readonly returned: Msat
  /** paid − delivered − returned, never below zero. */
  readonly balance: Msat
  readonly state: StatementState
  /** What must still be paid before the next step can leave; zero unless paused. */
  readonly due: Msat
  readonly atMs: number
  readonly payee: string
  readonly network: Network
  /** zbase32 by the payee's node key. A closing statement has one. */
  readonly signature?: string
  /** Of a closing statement that nobody signed, because the seller's wallet cannot: the agreement has to say as much. */
  readonly unsigned?: true
  /** Members that this version does not know. Kept, because the signature covers them. */
  readonly further?: Readonly<Record<string, string>>
}

/** `balance` as the other members make it. */
export const balanceOf = (paid: bigint, delivered: bigint, returned: bigint): Msat => minus(paid, delivered + returned)

/** A statement as JSON, to send, to store, or to sign. */
export const encodeStatement = (statement: Statement): Record<string, string> => ({
  ...statement.further,
  agreement: statement.agreement,
  sequence: `${statement.sequence}`,
  unitType: statement.price.unit,
  amount: `${statement.price.msat}`,
  per: `${statement.price.per}`,
  steps: `${statement.steps}`,
  delivered: `${statement.delivered}`,
  paid: `${statement.paid}`,
  returned: `${statement.returned}`,
  balance: `${statement.balance}`,
  state: statement.state,
  due: `${statement.due}`,
  at: formatTime(statement.atMs),
  payee: statement.payee,
  network: statement.network,
  ...(statement.unsigned && { unsigned: 'true' }),
  ...(statement.signature !== undefined && { signature: statement.signature }),
})

const KNOWN =
  'agreement sequence unitType amount per steps delivered paid returned balance state due at payee network unsigned signature'
const known = new Set(KNOWN.split(' '))
const MAX_FURTHER = 16

/**
 * Reads a statement. Its sums and signature are for `checkStatement` and `verifyStatement` to judge.
 * @throws StreamError `statement-invalid`, naming the member
 */
export function decodeStatement(json: unknown): Statement {
  const fields = new Fields(json, 'statement-invalid')
  const statement: Statement = {
    agreement: fields.hex('agreement', 32),
    sequence: fields.count('sequence'),
    price: decodePrice(fields, fields.string('unitType', 32)),
    steps: fields.count('steps'),
    delivered: fields.amount('delivered'),
    paid: fields.amount('paid'),
    returned: fields.amount('returned'),
    balance: fields.amount('balance'),
    state: fields.string('state', 6, /^(open|paused|closed)$/) as StatementState,
    due: fields.amount('due'),
    atMs: fields.timeMs('at'),
    payee: fields.publicKey('payee'),
    network: fields.network('network'),
  }
  // the signature is over canonical JSON made again from these values: a time written otherwise would not come out the same
  if (formatTime(statement.atMs) !== fields.value('at')) fields.fail('at', 'in UTC with milliseconds')
  const unsigned = fields.has('unsigned') && fields.string('unsigned', 4, /^true$/) !== ''
  const signature = fields.optionalString('signature', 200)
  const names = Object.keys(fields.record).filter((name) => !known.has(name))
  if (names.length > MAX_FURTHER) throw new StreamError('statement-invalid', 'too many members')
  const further = Object.fromEntries(names.map((name) => [name, fields.string(name, 1024)]))
  return {
    ...statement,
    ...(unsigned && { unsigned }),
    ...(signature !== undefined && { signature }),
    ...(names.length > 0 && { further }),
  }
}

/** What a closing statement's signature is over: its canonical JSON without `signature` (spec section 4). */
export function signingText(statement: Statement): string {
  const { signature: _, ...json } = encodeStatement(statement)
  return jcs(json)
}

/**
 * Checks that a statement adds up: delivered = cost of steps, rounded down; balance = paid − delivered − returned.
 * @throws StreamError `statement-invalid`
 */
export function checkSums({ price, steps, delivered, paid, returned, balance, state, due }: Statement): void {
  const wrong = (detail: string) => new StreamError('statement-invalid', detail)
  if ((steps * price.msat) / price.per !== delivered) throw wrong('delivered is not the cost of its steps')
  if (returned > paid) throw wrong('more was returned than paid')
  if (balance !== balanceOf(paid, delivered, returned)) throw wrong('balance is not paid - delivered - returned')
  if (due > 0n && state !== 'paused') throw wrong('something is due though nothing is paused')
}

/** Checks that a statement adds up and belongs to this agreement. @throws StreamError `statement-invalid` */
export function checkStatement(statement: Statement, agreement: Agreement): void {
  const { price } = agreement
  const same: Record<string, boolean> = {
    agreement: statement.agreement === agreement.id,
    payee: statement.payee === agreement.payee,
    network: statement.network === agreement.network,
    unitType: statement.price.unit === price.unit,
    price: statement.price.msat * price.per === price.msat * statement.price.per,
    // One that was to be signed is never taken without: whoever passes it on could take the signature off.
    unsigned: statement.unsigned === undefined || agreement.unsigned === true,
  }
  const wrong = Object.keys(same).find((name) => !same[name])
  if (wrong) throw new StreamError('statement-invalid', `the statement's ${wrong} is not the agreement's`)
  checkSums(statement)
}

/**
 * Checks a signed statement: its sums, that it names `payee`, and that `payee` signed it.
 * @throws StreamError `statement-invalid`
 * @example verifyStatement(decodeStatement(await response.json()), agreement.payee)
 */
export function verifyStatement(statement: Statement, payee: string): void {
  checkSums(statement)
  if (statement.payee !== payee) throw new StreamError('statement-invalid', 'the statement names another payee')
  if (statement.unsigned) throw new StreamError('statement-invalid', 'the statement is marked unsigned')
  if (statement.signature === undefined) throw new StreamError('statement-invalid', 'the statement is not signed')
  if (verifyMessage(signingText(statement), statement.signature) !== payee) {
    throw new StreamError('statement-invalid', "the signature is not the payee's")
  }
}

/**
 * Checks what closes an agreement: a statement that its payee signed, or one marked `unsigned` where the agreement said beforehand that it would
 * be. Such a one adds up, and is otherwise nobody's word.
 * @throws StreamError `statement-invalid`
 */
export function verifyClosing(statement: Statement, agreement: Agreement): void {
  checkStatement(statement, agreement)
  if (!statement.unsigned) return verifyStatement(statement, agreement.payee)
  if (statement.signature !== undefined) {
    throw new StreamError('statement-invalid', 'the statement is marked unsigned, and has a signature')
  }
}
