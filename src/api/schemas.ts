import { z } from 'zod'
import { LIMIT_NAMES } from '../ledger/limits.ts'
import { SCHEME_NAMES } from '../wire/challenges.ts'
import { MAX_INVOICE_LENGTH } from '../wire/payload.ts'

/**
 * What goes in and comes out, once: inputs are validated by these, and the OpenAPI document is made of them. Inputs and outputs alike name all
 * their members, so that a misspelt one is told and not passed over.
 */

// What comes in. How an amount or a time is written is for its own parser to say, which has a code and a hint for it.
const amountIn = z.string().min(1).max(40)
/** As people write it. */
export const Amount = amountIn.describe('An amount with its unit: "21 sat", "21000 msat", "0.001 BTC"')
export const FeeCap = amountIn.describe('An amount such as "2 sat", or a part such as "1%"')
export const PaymentHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('64 lowercase hex digits')
export const AgreementId = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .describe('32 lowercase hex digits')
/** A URI that carries an invoice may be about twice as long. */
export const InvoiceText = z
  .string()
  .min(1)
  .max(2 * MAX_INVOICE_LENGTH)
  .describe('BOLT 11, also as lightning:… or in a bitcoin: URI')
export const CallerName = z.string().regex(/^[A-Za-z\d][\w.-]{0,63}$/)
const HostIn = z.string().min(1).max(255)
export const Limit = z.enum(LIMIT_NAMES)

/** Where a list goes on, in pages from the newest back. */
export const Page = {
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('How many at most'),
  cursor: z
    .string()
    .regex(/^\d{1,16}-[0-9a-f]{32}(?:[0-9a-f]{32})?$/)
    .optional()
    .describe('`next` of the page before'),
}
export const Since = z.string().min(2).max(32).describe('Only the last so much time, such as "24h"')

export const NewInvoice = z.strictObject({
  amount: amountIn.describe('An amount with its unit, or "any", which leaves it to the payer'),
  description: z.string().max(639).optional().describe('As the payer will read it: at most 639 bytes'),
  expiresInS: z.int().min(1).max(31_622_400).optional().describe('In seconds. An hour by default, a year at most'),
})

export const NewPayment = z.strictObject({
  invoice: InvoiceText,
  amount: Amount.optional().describe('Only where the invoice leaves it to the payer'),
  max: Amount.optional().describe('The most to spend on it in all, routing included'),
  maxFee: FeeCap.optional().describe('The most that routing may add: 3 %, and at least 5 sat, by default'),
})

export const NewLimit = z.strictObject({
  limit: Limit,
  amount: Amount.nullable().describe('`null` takes the limit away'),
  at: HostIn.optional().describe('With the limit `host`: for this host only, such as api.example.com:8443'),
})

/** "2 sat/1k tokens, 1 sat/request" */
const PriceLimits = z.string().min(1).max(500)

export const NewCaller = z.strictObject({
  name: CallerName,
  max: Amount.optional().describe('The most it may ever spend, routing included'),
  perDay: Amount.optional().describe('The most in any 24 hours'),
  maxPrice: PriceLimits.optional().describe(
    'The most to accept for a unit; what the process was started with holds besides',
  ),
  ahead: Amount.optional().describe(
    'The most to have paid for what has not come; never more than what the process was started with',
  ),
  maxRisk: Amount.optional().describe(
    'The most to pay in one piece before anything comes, to sellers that want it so; never more than what the process was started with',
  ),
  hosts: z
    .union([z.array(HostIn).max(100), z.record(HostIn, Amount.nullable())])
    .optional()
    .describe('Where alone it may pay; as an object with the most it may spend at each in any 24 hours, or null'),
})

// What goes out.
/** msat as a decimal string. */
const msat = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,18})$/)
  .describe('msat')
const count = z.string().regex(/^\d+$/)
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/)
const publicKey = z.string().regex(/^0[23][0-9a-f]{64}$/)
const network = z.enum(['mainnet', 'testnet', 'signet', 'regtest', 'simnet'])
const hex = z.string().regex(/^(?:[0-9a-f]{2})*$/)
const ms = z.int().describe('ms since 1970')

export const Status = z.strictObject({
  version: z.string(),
  url: z.string(),
  node: z.strictObject({ publicKey: publicKey.optional(), network, alias: z.string().optional() }),
  caller: z.strictObject({ name: z.string(), owner: z.boolean() }),
})

export const Balance = z.strictObject({
  sendable: msat.describe('What can be sent, in msat: no more than the caller may still spend'),
  receivable: msat,
})

export const MadeInvoice = z.strictObject({
  invoice: z.string(),
  paymentHash: PaymentHash,
  amount: msat.optional().describe('Absent where the payer chooses'),
  expiresAt: time,
})

export const Invoice = z.strictObject({
  paymentHash: PaymentHash,
  status: z.enum(['open', 'settled', 'expired']).describe('`expired` also where the node has canceled it'),
  amount: msat.optional().describe('What was asked for. Absent where the payer chooses'),
  received: msat.optional().describe('What arrived, once it is settled'),
  expiresAt: time,
  invoice: z.string().optional(),
})

/** What a program needs to act on a failure. */
const Trouble = z.strictObject({ code: z.string(), detail: z.string(), hint: z.string(), retryable: z.boolean() })

export const Payment = z.strictObject({
  paymentHash: PaymentHash,
  status: z.enum(['settled', 'failed', 'pending', 'unknown']).describe('`pending` and `unknown` count as spent'),
  amount: msat,
  fee: msat.optional().describe('What routing cost, once it is settled'),
  preimage: hex.optional().describe('Proof of payment, once it is settled'),
  error: Trouble.optional().describe('Why it failed, or what is not known'),
})

const Hop = z.strictObject({
  publicKey,
  channel: z.string(),
  baseFeeMsat: msat,
  feePerMillion: z.int(),
  cltvDelta: z.int(),
})

export const Decoded = z.strictObject({
  request: z.string(),
  network,
  amount: msat.optional(),
  paymentHash: PaymentHash,
  payee: publicKey,
  description: z.string().describe("The payee's own words: not to be trusted, nor shown unescaped"),
  createdAtMs: ms,
  expiresAtMs: ms,
  minFinalCltv: z.int().optional(),
  paymentSecret: hex.optional(),
  descriptionHash: hex.optional(),
  metadata: hex.optional(),
  features: z.array(z.strictObject({ bit: z.int(), name: z.string(), required: z.boolean() })),
  routeHints: z.array(z.array(Hop)),
  fallbacks: z.array(z.strictObject({ version: z.int(), program: hex })),
  expired: z.boolean(),
})

const Charge = z.strictObject({ amount: msat, per: count, unitType: z.string().optional() })
const Tariff = z.strictObject({
  request: msat.optional(),
  upload: Charge.optional(),
  input: Charge.optional(),
  output: Charge.optional(),
  minimum: msat.optional(),
  extra: msat.optional(),
})

const offers = z
  .array(
    z.strictObject({
      scheme: z.enum(SCHEME_NAMES),
      price: z.string().optional().describe('As people write it; absent where the seller does not say what it is for'),
      ahead: msat.optional().describe('Paid before anything comes; of a `stream` the buyer says how much that may be'),
      risk: z.string().describe('What is lost if the seller keeps it'),
    }),
  )
  .describe("Every way to pay, in the seller's order")

export const Offer = z.union([
  z.strictObject({ url: z.string(), free: z.literal(true) }),
  z.strictObject({ url: z.string(), offers }),
  z.strictObject({
    url: z.string(),
    offers,
    price: z.string().describe('As people write it'),
    unit: z.string(),
    amount: msat,
    per: count,
    tariff: Tariff.optional(),
    credit: msat,
    smallestPayment: msat,
    negotiable: z.boolean(),
    network,
    payee: publicKey,
    costs: z.record(z.string(), msat).describe('What some amounts of use cost'),
  }),
])

const next = z.string().optional().describe('Where the next page begins: `cursor` of the next request')

const Agreement = z.strictObject({
  time,
  seller: z.string(),
  agreement: AgreementId,
  status: z.enum(['open', 'closed']),
  amount: msat.describe('What was paid on it'),
  fee: msat,
  returned: msat.describe('What came back after the close'),
  payments: count,
  url: z.string(),
  scheme: z.enum(SCHEME_NAMES).describe('What it was paid by. Only a `stream` is closed with a statement'),
  fault: z
    .string()
    .describe('What the seller said of it that cannot be, such as a receipt for another payment; empty if nothing'),
  caller: z.string().optional(),
})
export const Agreements = z.strictObject({ agreements: z.array(Agreement), next })

const PastPayment = z.strictObject({
  time,
  seller: z.string(),
  agreement: z.string().describe('Empty for a payment by hand'),
  status: z.enum(['settled', 'failed', 'pending', 'unknown']),
  amount: msat,
  fee: msat,
  paymentHash: PaymentHash,
  preimage: hex,
  invoice: z.string(),
  caller: z.string().optional(),
})
export const History = z.strictObject({ payments: z.array(PastPayment), next })

export const ClosedAgreement = z.strictObject({
  state: z.literal('closed'),
  returned: z
    .enum(['settled', 'pending', 'failed', 'kept', 'nothing'])
    .describe('What became of the balance. `kept`: it is below 1 sat; `nothing`: there was none'),
  amount: msat.describe('Of the balance'),
  dispute: Trouble.optional().describe("Set if the seller's statement contradicts what was agreed or received"),
})

export const Statement = z.strictObject({
  type: z.literal('stream-proof'),
  version: z.literal('1'),
  agreement: z.looseObject({ agreement: AgreementId }),
  statement: z.record(z.string(), z.string()),
  payments: z.array(z.strictObject({ invoice: z.string(), preimage: hex })),
})

export const Budgets = z.strictObject({
  limits: z.array(
    z.strictObject({
      limit: Limit,
      host: z.string().optional(),
      max: msat.optional(),
      spent: msat.optional(),
    }),
  ),
})

const callerFields = {
  name: z.string(),
  max: msat.optional(),
  perDay: msat.optional(),
  maxPrice: z.string().optional(),
  ahead: msat.optional(),
  maxRisk: msat.optional(),
  hosts: z.record(z.string(), msat.nullable()).optional(),
}
const Caller = z.strictObject({ ...callerFields, createdAt: time, spent: msat, spentToday: msat })
export const CallerList = z.strictObject({ callers: z.array(Caller) })
export const AddedCaller = z.strictObject({
  ...callerFields,
  token: z.string().describe('Told this once: it is kept nowhere'),
})
export const RemovedCaller = z.strictObject({ name: z.string() })

export const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('Stable: docs/errors.md has them all'),
    hint: z.string(),
    retryable: z.boolean().describe('Whether the very same request may go well later'),
  })
  .describe('A problem document (RFC 9457). Amounts and hashes that are needed to go on are further members')
export const AnyJson = z.looseObject({})
