import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { msat } from '../../money/msat.ts'

/** Of one answer, decrypted. NIP-44 itself ends there; NIP-04 has no end. */
export const MAX_CONTENT = 64 << 10
const MAX_METHODS = 64

const word = z.string().max(64)
const text = z.string().max(4096)
const hex32 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform((hex) => hex.toLowerCase())
/** An amount in msat. Beyond 2^53 a JSON number is no longer exact: 90,000 BTC, and refused. */
const amount = z
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .transform((number) => msat(BigInt(number)))
const seconds = z
  .number()
  .int()
  .min(0)
  .max(2 ** 36)
/** What says nothing about money may be missing, or be nonsense. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined)

/** What an event of the wallet decrypts to. `result` is read by what was asked. */
export const envelopeSchema = z.object({
  result_type: optional(word),
  error: z.object({ code: word, message: optional(text) }).nullish(),
  result: z.unknown().optional(),
})

export const infoSchema = z.object({
  alias: optional(z.string().max(200)),
  pubkey: optional(z.string().max(200)),
  network: optional(word),
  methods: z.array(word).max(MAX_METHODS),
  notifications: optional(z.array(word).max(MAX_METHODS)),
})

export const balanceSchema = z.object({ balance: amount })

/** An invoice or a payment, as the wallet has it. */
export const transactionSchema = z.object({
  type: z.enum(['incoming', 'outgoing']).nullish(),
  state: z
    .string()
    .max(20)
    .transform((state) => state.toLowerCase())
    .nullish(),
  invoice: optional(text),
  description: optional(text),
  preimage: optional(hex32),
  payment_hash: hex32,
  amount,
  fees_paid: amount.nullish(),
  created_at: optional(seconds),
  settled_at: seconds.nullish(),
  expires_at: optional(seconds),
})
export type Transaction = z.output<typeof transactionSchema>

export const madeInvoiceSchema = z.object({ invoice: text, payment_hash: optional(hex32) })
export const transactionsSchema = z.object({ transactions: z.array(transactionSchema).max(100) })
export const paidSchema = z.object({ preimage: hex32, fees_paid: amount.nullish() })
export const signedSchema = z.object({ signature: z.string().max(200) })
export const notificationSchema = z.object({ notification_type: word, notification: z.unknown().optional() })

/** What the wallet's service says of itself, through the library. */
export const serviceSchema = z.object({
  encryptions: z.array(word).max(16),
  capabilities: z.array(z.string().max(64)).max(MAX_METHODS),
  notifications: z.array(word).max(16),
})

/**
 * Reads what a wallet answered.
 * @throws StreamError `node-failed`, naming what was asked and the member
 */
export function readAnswer<T extends z.ZodType>(schema: T, answer: unknown, asked: string): z.output<T> {
  const read = schema.safeParse(answer)
  if (read.success) return read.data
  const [issue] = read.error.issues
  const member = issue?.path.map(String).join('.').slice(0, 80) || 'the whole'
  throw new StreamError('node-failed', `the wallet's answer to ${asked} cannot be read: ${member}`, { member })
}

/** JSON of at most `MAX_CONTENT` characters; `undefined` for anything else. */
export function readJson(content: string): unknown {
  if (content.length > MAX_CONTENT) return undefined
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

/** An invoice that was paid. One that has only been accepted, or shows a preimage, has not. */
export const isSettled = ({ state, settled_at }: Transaction): boolean =>
  state === undefined || state === null ? (settled_at ?? 0) > 0 : state === 'settled'
