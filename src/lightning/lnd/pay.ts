import { createHash } from 'node:crypto'
import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import type { OutgoingKeysend, OutgoingPayment, PaymentOutcome } from '../node.ts'
import { brief, nodeError } from './errors.ts'
import { outcomeOf, refusalOf } from './outcome.ts'
import type { LndPayment, LndRpc, RpcStream } from './rpc.ts'
import { neverSent, type RpcError, STATUS } from './status.ts'

/** How long after a payment's time is up its last HTLC may still settle or fail before `pending` is reported. */
const GRACE_MS = 2_000
const LOOKUP_MS = 10_000

/** One payment, by an invoice or without: what differs between the two. */
interface Sending {
  /** What to pay, in the fields of SendPaymentV2. */
  readonly fields: object
  readonly maxFee: Msat
  readonly timeoutMs: number
  /** @throws StreamError `invoice-invalid` if LND cannot read the invoice, `node-…` */
  hash(): Promise<string>
  /** What QueryRoutes needs to look for a route. */
  search(): Promise<object>
}

/**
 * Pays through the router's stream. LND keeps the payment by its hash, so a second call for the same invoice
 * is refused by the node itself, and is then answered with what became of the first.
 */
export function pay(rpc: LndRpc, payment: OutgoingPayment): Promise<PaymentOutcome> {
  const { request, amount, maxFee, timeoutMs } = payment
  return send(rpc, {
    fields: { payment_request: request, ...(amount !== undefined && { amt_msat: amount.toString() }) },
    maxFee,
    timeoutMs,
    hash: () => hashOf(rpc, request),
    async search() {
      const invoice = await rpc.call('decodePayReq', { pay_req: request }, LOOKUP_MS)
      return {
        pub_key: invoice.destination,
        amt_msat: amount?.toString() ?? invoice.num_msat,
        final_cltv_delta: Number(invoice.cltv_expiry),
        route_hints: invoice.route_hints,
      }
    },
  })
}

/** TLV record of the onion that carries the preimage of a keysend. */
const KEYSEND_RECORD = '5482373484'
/** Blocks the last HTLC must leave. No invoice says how many: this is what LND asks for in its own. */
const KEYSEND_CLTV_DELTA = 80

/** Pays without an invoice. LND keeps such a payment by its hash as well, and refuses to send it again. */
export async function keysend(rpc: LndRpc, payment: OutgoingKeysend): Promise<PaymentOutcome> {
  const { publicKey, maxFee, timeoutMs } = payment
  const preimage = Buffer.from(payment.preimage, 'hex')
  const hash = createHash('sha256').update(preimage).digest()
  const amount = payment.amount.toString()
  const outcome = await send(rpc, {
    fields: {
      dest: Buffer.from(publicKey, 'hex'),
      amt_msat: amount,
      payment_hash: hash,
      dest_custom_records: { [KEYSEND_RECORD]: preimage },
      final_cltv_delta: KEYSEND_CLTV_DELTA,
    },
    maxFee,
    timeoutMs,
    hash: async () => hash.toString('hex'),
    search: async () => ({ pub_key: publicKey, amt_msat: amount, final_cltv_delta: KEYSEND_CLTV_DELTA }),
  })
  if (outcome.status !== 'failed' || outcome.reason !== 'invoice-invalid') return outcome
  // There is no invoice that could be wrong: this is how a node answers that takes no keysend.
  return { ...outcome, reason: 'payment-failed', detail: `the payee did not take it: ${outcome.detail}` }
}

async function send(rpc: LndRpc, sending: Sending): Promise<PaymentOutcome> {
  const stream = rpc.sendPayment({
    ...sending.fields,
    fee_limit_msat: sending.maxFee.toString(),
    timeout_seconds: Math.max(1, Math.ceil(sending.timeoutMs / 1000)),
    // Of several parts one may fail, and the payee then holds the others for up to two minutes: money that counts as
    // spent all the while. The payments of a stream are small enough for one.
    max_parts: 1,
    // Only the end matters, and every message costs both processes time.
    no_inflight_updates: true,
    // When this process goes, no attempt is started that nobody would know of.
    cancelable: true,
  })
  const end = await follow(stream, sending.timeoutMs + GRACE_MS)
  if (end.kind === 'payment') return explainNoRoute(rpc, sending, outcomeOf(end.payment))
  if (end.kind === 'timeout') return lookupAfter(rpc, sending, 'LND did not answer in time')
  return afterError(rpc, sending, end.error)
}

/** None of these says that nothing was sent. */
const UNFORESEEN: readonly ErrorCode[] = ['node-failed', 'internal']

async function afterError(rpc: LndRpc, sending: Sending, error: RpcError): Promise<PaymentOutcome> {
  if (neverSent(error)) throw nodeError(error, 'paying')
  // An earlier call sent this payment: wait for that one.
  if (error.code === STATUS.alreadyExists) return followEarlier(rpc, sending, error)
  const detail = brief(error.details)
  if (error.code === STATUS.unavailable) return { status: 'unknown', detail: `the connection to LND broke: ${detail}` }
  const known = nodeError(error, 'paying')
  // Refused at the door: locked, starting, or a macaroon that does not allow it.
  if (!UNFORESEEN.includes(known.code)) throw known
  const refusal = refusalOf(error.details)
  if (refusal !== undefined) return { status: 'failed', reason: 'invoice-invalid', detail: refusal }
  return lookupAfter(rpc, sending, detail)
}

/** The node said something unforeseen, or nothing. Only its own record tells whether anything was sent. */
async function lookupAfter(rpc: LndRpc, sending: Sending, detail: string): Promise<PaymentOutcome> {
  try {
    const found = await lookup(rpc, await sending.hash())
    return found ?? { status: 'failed', reason: 'payment-failed', detail }
  } catch (error) {
    // What LND cannot read it cannot have paid.
    if (error instanceof StreamError && error.code === 'invoice-invalid') {
      return { status: 'failed', reason: 'invoice-invalid', detail: error.message }
    }
    return { status: 'unknown', detail }
  }
}

async function followEarlier(rpc: LndRpc, sending: Sending, error: RpcError): Promise<PaymentOutcome> {
  try {
    const end = await follow(rpc.trackPayment(await sending.hash(), true), sending.timeoutMs + GRACE_MS)
    if (end.kind === 'payment') return outcomeOf(end.payment)
    if (end.kind === 'timeout') return { status: 'pending' }
  } catch {
    // LND has this payment, so it counts as sent whatever else went wrong.
  }
  return { status: 'unknown', detail: brief(error.details) }
}

/** Asks LND, and not our own decoder: only what LND itself cannot read is certain not to have been sent. */
async function hashOf(rpc: LndRpc, request: string): Promise<string> {
  try {
    return (await rpc.call('decodePayReq', { pay_req: request }, LOOKUP_MS)).payment_hash
  } catch (error) {
    const known = nodeError(error, 'reading an invoice')
    throw UNFORESEEN.includes(known.code) ? new StreamError('invoice-invalid', 'LND cannot read the invoice') : known
  }
}

/** What became of a payment; `undefined` if this node never had it. @throws StreamError `node-…` */
export async function lookup(rpc: LndRpc, paymentHash: string): Promise<PaymentOutcome | undefined> {
  const end = await follow(rpc.trackPayment(paymentHash, false), LOOKUP_MS)
  if (end.kind === 'payment') return outcomeOf(end.payment)
  if (end.kind === 'timeout') throw new StreamError('node-unreachable', 'looking up a payment: no answer from LND')
  if (end.error.code === STATUS.notFound || /isn't initiated/i.test(end.error.details)) return undefined
  throw nodeError(end.error, 'looking up a payment')
}

type End =
  | { readonly kind: 'payment'; readonly payment: LndPayment }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'error'; readonly error: RpcError }

/** The stream's first message, or how it ended without one. */
function follow(stream: RpcStream<LndPayment>, timeoutMs: number): Promise<End> {
  return new Promise((resolve) => {
    const finish = (end: End): void => {
      clearTimeout(timer)
      resolve(end)
      // Cancelling is reported as an error of the stream; its listener below stays, so that it is not thrown.
      stream.cancel()
    }
    const timer = setTimeout(() => finish({ kind: 'timeout' }), timeoutMs)
    stream.on('data', (payment) => finish({ kind: 'payment', payment }))
    stream.on('error', (error) => finish({ kind: 'error', error }))
    stream.on('end', () => finish({ kind: 'error', error: ENDED }))
  })
}

const ENDED: RpcError = Object.assign(new Error('stream ended'), {
  code: STATUS.unavailable,
  details: 'the stream ended',
})

/**
 * LND says "no route" also when the only routes cost more than the cap. Asked without a cap it shows them;
 * telling the two apart costs two requests, and only on this failure.
 */
async function explainNoRoute(rpc: LndRpc, sending: Sending, outcome: PaymentOutcome): Promise<PaymentOutcome> {
  if (outcome.status !== 'failed' || outcome.reason !== 'no-route') return outcome
  try {
    const search = { ...(await sending.search()), use_mission_control: true }
    const { routes } = await rpc.call('queryRoutes', search, LOOKUP_MS)
    const fee = routes.map((route) => BigInt(route.total_fees_msat)).find((cost) => cost > sending.maxFee)
    if (fee === undefined) return outcome
    const detail = `the route costs ${fee} msat, the cap is ${sending.maxFee} msat`
    return { status: 'failed', reason: 'fee-too-high', detail }
  } catch {
    // QueryRoutes fails when there is no route at all. And whatever else goes wrong here, the outcome is known.
    return outcome
  }
}
