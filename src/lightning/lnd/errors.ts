import { StreamError } from '../../errors/error.ts'
import { type RpcError, STATUS } from './status.ts'

function isRpcError(error: unknown): error is RpcError {
  return error instanceof Error && typeof (error as Partial<RpcError>).code === 'number' && 'details' in error
}

/**
 * What a failed call says about the node: one of the `node-…` codes, `node-failed` with the node's own words where it is none of the others.
 * The gRPC error is not kept as a cause, so that nothing of the connection can reach a log.
 */
export function nodeError(error: unknown, doing: string): StreamError {
  if (error instanceof StreamError) return error
  if (!isRpcError(error)) return new StreamError('internal', `${doing}: ${String(error)}`, {}, error)
  const text = error.details
  if (/wallet locked|wallet not created|unknown service lnrpc/i.test(text)) {
    return new StreamError('node-locked', `${doing}: LND's wallet is locked or not made yet`)
  }
  if (/process of starting up|is still starting|not yet ready|not ready yet|waiting to start/i.test(text)) {
    return new StreamError('node-unreachable', `${doing}: LND is starting`)
  }
  if (error.code === 7 || error.code === 16 || /permission denied|macaroon|verification failed|caveat/i.test(text)) {
    return new StreamError('node-denied', `${doing}: LND refused the macaroon (${brief(text)})`)
  }
  if (/certificate|self.signed|altnames/i.test(text) && error.code === STATUS.unavailable) {
    return new StreamError('node-unreachable', `${doing}: the certificate is not the one this LND uses`)
  }
  if (error.code === STATUS.unavailable || error.code === STATUS.deadline || error.code === STATUS.cancelled) {
    return new StreamError('node-unreachable', `${doing}: no answer from LND (${brief(text)})`)
  }
  return new StreamError('node-failed', `${doing}: LND says: ${brief(text)}`)
}

/** For the end of a call: `rpc.call(…).catch(rethrow('making an invoice'))`. */
export const rethrow =
  (doing: string) =>
  (error: unknown): never => {
    throw nodeError(error, doing)
  }

/**
 * The same for a method of npm `lightning`, which rejects with `[status, 'NameOfWhatFailed', { err }]`. Its names are kept in
 * `details.reason`, since callers tell failures apart by them.
 */
export function libraryError(error: unknown, doing: string): StreamError {
  if (!Array.isArray(error)) return nodeError(error, doing)
  const [, reason, more] = error as [number, string, { err?: unknown }?]
  if (isRpcError(more?.err)) return nodeError(more.err, doing)
  if (/Locked/.test(reason)) return new StreamError('node-locked', `${doing}: LND's wallet is locked or not made yet`)
  if (/FailedToConnect/.test(reason)) return new StreamError('node-unreachable', `${doing}: no answer from LND`)
  return new StreamError('node-failed', `${doing}: ${brief(reason)}`, { reason: brief(reason) })
}

/** The node's words, for a message: short, and on one line. */
export const brief = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)
