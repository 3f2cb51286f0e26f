import { decodeBase64url, encodeBase64url, fromUtf8, utf8 } from './encoding.ts'
import type { Problem } from './problem.ts'

/*
 * Calls of gRPC are always answered 200; how they ended is in `grpc-status` and `grpc-message` ("gRPC over HTTP2", "Responses"). So a 402 takes this form
 * for them: L402, "gRPC Protocol Specification".
 */

/** What a client of L402 looks for. `INTERNAL`, which is what servers that are deployed send. */
const PAYMENT_REQUIRED = { status: 13, message: 'payment required' } as const
/** `UNKNOWN`: what some libraries make of the same. */
const ALSO_REQUIRED = 2
/** The problem document, for clients that ask why. Keys that end in `-bin` hold base64. */
const PROBLEM_KEY = 'problem-bin'
const MAX_MESSAGE = 1000
const MAX_PROBLEM = 8192

/** Whether a body of this type is a call of gRPC, also as browsers make it (gRPC-Web). */
export const isGrpc = (contentType: string | null): boolean =>
  contentType !== null && /^\s*application\/grpc(?:-web(?:-text)?)?\s*(?:[+;]|$)/i.test(contentType)

/** Whether it is one that has its status in trailers, and so takes HTTP/2. */
export const isGrpcOverHttp2 = (contentType: string | null): boolean =>
  isGrpc(contentType) && !/^\s*application\/grpc-web/i.test(contentType!)

/** What a status of HTTP is to gRPC ("Statuscodes and their use in gRPC", and what aperture sends for a 402). */
export function grpcStatusOf(status: number): number {
  const known = STATUSES[status]
  if (known !== undefined) return known
  return status >= 500 ? 13 : 2
}

const STATUSES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  402: PAYMENT_REQUIRED.status,
  403: 7,
  404: 12,
  408: 4,
  409: 10,
  413: 8,
  429: 8,
  499: 1,
  502: 14,
  503: 14,
  504: 4,
}

/**
 * How a problem is told to a client of gRPC: as headers without a body, which its library reads as trailers ("Trailers-Only").
 * A 402 has the message that clients of L402 look for, whatever it is about; the problem says that.
 */
export function grpcRefusal(problem: Problem): Record<string, string> {
  const { status, detail } = problem
  return {
    'grpc-status': `${grpcStatusOf(status)}`,
    'grpc-message': status === 402 ? PAYMENT_REQUIRED.message : encodeMessage(detail.slice(0, MAX_MESSAGE)),
    [PROBLEM_KEY]: encodeBinary(utf8(JSON.stringify(problem))),
  }
}

/** What is left of a message is spaces and printable ASCII without `%`; all else is percent-encoded, by its bytes of UTF-8. */
export const encodeMessage = (text: string): string =>
  [...utf8(text)].map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : percent(byte))).join('')

const isPlain = (byte: number): boolean => byte >= 0x20 && byte <= 0x7e && byte !== 0x25
const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

/** The 402 that the answer to a call of gRPC stands for: its problem document, as far as it can be read; `undefined` if it asks for no payment. */
export function readGrpcRefusal(headers: Headers): { readonly problem: string | undefined } | undefined {
  const status = headers.get('grpc-status')
  if (status !== `${PAYMENT_REQUIRED.status}` && status !== `${ALSO_REQUIRED}`) return undefined
  const message = headers.get('grpc-message') ?? ''
  if (!message.toLowerCase().includes(PAYMENT_REQUIRED.message) || !headers.has('www-authenticate')) return undefined
  return { problem: decodeProblem(headers.get(PROBLEM_KEY)) }
}

function decodeProblem(text: string | null): string | undefined {
  if (text === null || text.length > MAX_PROBLEM) return undefined
  const bytes = decodeBase64url(text.replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_'))
  return bytes && fromUtf8(bytes)
}

/** Base64 as binary metadata has it: without padding. */
const encodeBinary = (bytes: Uint8Array): string => encodeBase64url(bytes).replace(/-/g, '+').replace(/_/g, '/')
