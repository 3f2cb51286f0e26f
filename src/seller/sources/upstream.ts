import type { IncomingMessage } from 'node:http'
import { type ClientHttp2Stream, constants } from 'node:http2'
import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import { isGrpcOverHttp2 } from '../../wire/grpc.ts'
import { answerTrailers } from '../adapters/request.ts'
import { knownResponse, readResponse } from '../adapters/response.ts'
import type { SignalHolder } from './file.ts'
import { bodyOfAnswer, plainBody } from './upstream/body.ts'
import { type CallAnswer, Calls } from './upstream/calls.ts'
import { Connections } from './upstream/exchange.ts'
import { forwarded, returned, returnedCall } from './upstream/headers.ts'
import { readSaid, type Said } from './upstream/prices.ts'
import { basic, targetOf } from './upstream/target.ts'

export interface UpstreamOptions {
  /** Sent with every request: the upstream's own key. Goes before whatever the buyer sent. None by default. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long the upstream may take to answer, and between two chunks of its answer. In ms; 5 minutes by default. */
  readonly silenceMs?: number
}

/** What of a meter an upstream's word needs. */
export interface UpstreamMeter extends SignalHolder {
  add?(steps: bigint): Promise<void>
  charge?(amount: Msat): Promise<void>
  owe?(amount: Msat): Promise<void>
}

/** Passes requests on; `close` lets go of the connections that are kept. */
export interface Proxy {
  (request: Request, meter?: UpstreamMeter): Promise<Response>
  close(): void
}

const SILENCE_MS = 300_000
/** Answers whose body is none, whatever their headers say (RFC 9110, section 6.4.1). */
const BODILESS = new Set([204, 205, 304])

/**
 * Passes requests on to an HTTP service that knows nothing of payments. Both bodies stream; when the buyer leaves or stops
 * paying, the upstream is held by backpressure and then aborted. The buyer's credential never reaches it; a name and password in
 * `base` are sent to it as Basic authorization. What the upstream says of its price, in `Stream-Cost` and `Stream-Units`, is charged.
 * @throws StreamError `upstream-failed`, which charges nothing; its message names no address, its cause says why
 * @example wall(proxyTo('http://127.0.0.1:11434'))
 */
export function proxyTo(base: string, options: UpstreamOptions = {}): Proxy {
  const upstream = new URL(base)
  const authorization = basic(upstream)
  upstream.username = ''
  upstream.password = ''
  const own = { ...(authorization !== undefined && { authorization }), ...options.headers }
  const silenceMs = options.silenceMs ?? SILENCE_MS
  const connections = new Connections(upstream)
  const calls = new Calls(upstream)
  const pass = async (request: Request, meter?: UpstreamMeter): Promise<Response> => {
    const target = targetOf(upstream, new URL(request.url))
    if (!target) return new Response('not found\n', { status: 404 })
    const signal = meter ? AbortSignal.any([request.signal, meter.signal]) : request.signal
    let incoming: IncomingMessage | undefined
    try {
      const headers = forwarded(request, own)
      if (isGrpcOverHttp2(headers.get('content-type'))) {
        return await answerOfCall(
          await calls.exchange(target, request, headers, { signal, answerMs: silenceMs }),
          request,
          silenceMs,
          meter,
        )
      }
      incoming = await connections.exchange(target, request, headers, { signal, answerMs: silenceMs })
      return await answerOf(incoming, request.method, silenceMs, meter)
    } catch (error) {
      incoming?.destroy()
      signal.throwIfAborted()
      // That a price is not covered is the buyer's matter, and not the upstream's.
      if (error instanceof StreamError) throw error
      throw new StreamError('upstream-failed', 'the service behind the seller does not answer', {}, error)
    }
  }
  const close = () => {
    connections.close()
    calls.close()
  }
  return Object.assign(pass, { close })
}

async function answerOf(
  incoming: IncomingMessage,
  method: string,
  silenceMs: number,
  meter: UpstreamMeter | undefined,
): Promise<Response> {
  const status = incoming.statusCode ?? 0
  const charged = status >= 200 && status <= 299
  const said = charged ? readPrice((name) => incoming.headers[name]) : {}
  const headers = returned(incoming)
  const encoding = headers.get('content-encoding') ?? ''
  const bodiless = method === 'HEAD' || BODILESS.has(status)
  if (bodiless) incoming.resume()
  const source = bodiless ? incoming : plainBody(incoming, encoding)
  if (source !== incoming) {
    headers.delete('content-encoding')
    headers.delete('content-length')
  }
  if (meter) await chargeBefore(said, meter)
  const onEnd = async () => {
    const { trailers } = incoming
    if (charged && meter)
      await chargeAfter(
        readPrice((name) => trailers[name]),
        meter,
      )
  }
  const init = { status, statusText: incoming.statusMessage ?? '', headers }
  return bodiless ? knownResponse(null, init) : readResponse(bodyOfAnswer(source, incoming, silenceMs, onEnd), init)
}

/** A call of gRPC says in its trailers how it ended, and may say there what it costs. */
async function answerOfCall(
  { head, stream, isOver, trailers }: CallAnswer,
  request: Request,
  silenceMs: number,
  meter: UpstreamMeter | undefined,
): Promise<Response> {
  try {
    const headers = returnedCall(head)
    const status = Number(head[':status'] ?? 0)
    // One that failed before it had anything to say costs nothing.
    const failed = isOver && head['grpc-status'] !== '0'
    if (meter && !failed && status === 200)
      await chargeBefore(
        readPrice((name) => head[name]),
        meter,
      )
    if (isOver) {
      stream.resume()
      letGo(stream)
      return knownResponse(null, { status, headers, failed })
    }
    answerTrailers(request, () => returnedCall(trailers() ?? {}))
    const onEnd = async () => {
      const said = trailers()
      // A stream that was reset ends like one that is whole.
      if (!said && status === 200) throw new Error('the upstream broke off')
      if (said && meter)
        await chargeAfter(
          readPrice((name) => said[name]),
          meter,
        )
      letGo(stream)
    }
    return readResponse(bodyOfAnswer(stream, stream, silenceMs, onEnd), { status, headers })
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** A service that has answered wants no more of what the call still says. */
function letGo(stream: ClientHttp2Stream): void {
  if (!stream.writableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
}

function readPrice(header: (name: string) => string | string[] | undefined): Said {
  try {
    return readSaid((name) => header(name)?.toString())
  } catch (error) {
    throw new StreamError(
      'upstream-failed',
      'the service behind the seller names a price that cannot be read',
      {},
      error,
    )
  }
}

/** What is said before the body is paid before it leaves. */
function chargeBefore({ cost, units }: Said, meter: UpstreamMeter): Promise<void> {
  return counted(async () => {
    if (cost !== undefined) await meter.charge?.(cost)
    if (units !== undefined) await meter.add?.(units)
  })
}

/** What is said after it can hold nothing back: it is waited for briefly. */
function chargeAfter({ cost, units }: Said, meter: UpstreamMeter): Promise<void> {
  return counted(async () => {
    if (cost !== undefined) await meter.owe?.(cost)
    if (units !== undefined) await meter.add?.(units)
  })
}

/** A price that the agreement has no place for is the upstream's mistake, and never the buyer's. */
async function counted(count: () => Promise<void>): Promise<void> {
  try {
    await count()
  } catch (error) {
    if (!(error instanceof StreamError) || error.code !== 'option-invalid') throw error
    throw new StreamError(
      'upstream-failed',
      `the service behind the seller asks for more than it may: ${error.message}`,
    )
  }
}
