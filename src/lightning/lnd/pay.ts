import { StreamError } from '../../errors/error.ts'
import type { OutgoingPayment, PaymentOutcome } from '../node.ts'
import { brief, isRpcError, neverSent, nodeError } from './errors.ts'
import { outcomeOf, refusalOf } from './outcome.ts'
import { type LndPayment, type LndRpc, type RpcError, type RpcStream, STATUS, unary } from './rpc.ts'

/** How long after a payment's time is up its last HTLC may still settle or fail before `pending` is reported. */
const GRACE_MS = 2_000
const LOOKUP_MS = 15_000

/**
 * Pays through the router's stream. LND keeps the payment by its hash, so a second call for the same invoice
 * is refused by the node itself, and is then answered with what became of the first.
 */
export async function pay(rpc: LndRpc, payment: OutgoingPayment): Promise<PaymentOutcome> {
  const stream = rpc.clients.router.sendPaymentV2({
    payment_request: payment.request,
    fee_limit_msat: payment.maxFee.toString(),
    timeout_seconds: Math.max(1, Math.ceil(payment.timeoutMs / 1000)),
    // Only the end matters, and every message costs both processes time.
    no_inflight_updates: true,
    // When this process goes, no attempt is started that nobody would know of.
    cancelable: true,
  })
  const end = await follow(stream, payment.timeoutMs + GRACE_MS)
  if (end.kind === 'payment') return explainNoRoute(rpc, payment, outcomeOf(end.payment))
  if (end.kind === 'timeout') return lookupAfter(rpc, payment.request, 'the time for this payment is up')
  return afterError(rpc, payment, end.error)
}

async function afterError(rpc: LndRpc, payment: OutgoingPayment, error: RpcError): Promise<PaymentOutcome> {
  if (neverSent(error)) throw nodeError(error, 'paying')
  // An earlier call sent this payment: wait for that one.
  if (error.code === STATUS.alreadyExists) return followEarlier(rpc, payment, error)
  const known = nodeError(error, 'paying')
  if (known.code === 'node-denied' || known.code === 'node-locked') throw known
  if (error.code === STATUS.unavailable)
    return { status: 'unknown', detail: `the connection to LND broke: ${brief(error.details)}` }
  const refusal = refusalOf(error.details)
  if (refusal !== undefined) return { status: 'failed', reason: 'invoice-invalid', detail: refusal }
  return lookupAfter(rpc, payment.request, brief(error.details))
}

/** The node said something unforeseen. Only its own record tells whether anything was sent. */
async function lookupAfter(rpc: LndRpc, request: string, detail: string): Promise<PaymentOutcome> {
  try {
    const found = await lookup(rpc, await hashOf(rpc, request))
    return found ?? { status: 'failed', reason: 'payment-failed', detail }
  } catch {
    return { status: 'unknown', detail }
  }
}

async function followEarlier(rpc: LndRpc, payment: OutgoingPayment, error: RpcError): Promise<PaymentOutcome> {
  try {
    const hash = await hashOf(rpc, payment.request)
    const end = await follow(track(rpc, hash, true), payment.timeoutMs + GRACE_MS)
    if (end.kind === 'payment') return outcomeOf(end.payment)
    if (end.kind === 'timeout') return { status: 'pending' }
  } catch {
    // Said below: the node knows this payment, we do not know how it stands.
  }
  return { status: 'unknown', detail: brief(error.details) }
}

/** What became of a payment; `undefined` if this node never had it. @throws StreamError `node-…` */
export async function lookup(rpc: LndRpc, paymentHash: string): Promise<PaymentOutcome | undefined> {
  const end = await follow(track(rpc, paymentHash, false), LOOKUP_MS)
  if (end.kind === 'payment') return outcomeOf(end.payment)
  if (end.kind === 'timeout') throw new StreamError('node-unreachable', 'looking up a payment: no answer from LND')
  if (end.error.code === STATUS.notFound || /isn't initiated|not found/i.test(end.error.details)) return undefined
  throw nodeError(end.error, 'looking up a payment')
}

const track = (rpc: LndRpc, hash: string, finalOnly: boolean): RpcStream<LndPayment> =>
  rpc.clients.router.trackPaymentV2({ payment_hash: Buffer.from(hash, 'hex'), no_inflight_updates: finalOnly })

async function hashOf(rpc: LndRpc, request: string): Promise<string> {
  return (await unary(rpc.clients.default.decodePayReq, rpc.clients.default, { pay_req: request })).payment_hash
}

type End =
  | { readonly kind: 'payment'; readonly payment: LndPayment }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'error'; readonly error: RpcError }

/** The stream's first message, and the end of the stream. */
function follow(stream: RpcStream<LndPayment>, timeoutMs: number): Promise<End> {
  return new Promise((resolve) => {
    const finish = (end: End): void => {
      clearTimeout(timer)
      resolve(end)
      // Cancelling is reported as an error of the stream, which has a listener until the end: it must not be thrown.
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
 * telling the two apart costs one request, and only on this failure.
 */
async function explainNoRoute(rpc: LndRpc, payment: OutgoingPayment, outcome: PaymentOutcome): Promise<PaymentOutcome> {
  if (outcome.status !== 'failed' || outcome.reason !== 'no-route') return outcome
  const { default: lightning } = rpc.clients
  try {
    const invoice = await unary(lightning.decodePayReq, lightning, { pay_req: payment.request })
    const { routes } = await unary(lightning.queryRoutes, lightning, {
      pub_key: invoice.destination,
      amt_msat: invoice.num_msat,
      final_cltv_delta: Number(invoice.cltv_expiry),
      route_hints: invoice.route_hints,
      use_mission_control: true,
    })
    const fee = routes.map((route) => BigInt(route.total_fees_msat)).find((cost) => cost > payment.maxFee)
    if (fee === undefined) return outcome
    return {
      status: 'failed',
      reason: 'fee-too-high',
      detail: `the route costs ${fee} msat, the cap is ${payment.maxFee} msat`,
    }
  } catch (error) {
    // QueryRoutes answers "unable to find a path" with an error: then there is none.
    if (isRpcError(error)) return outcome
    throw error
  }
}
