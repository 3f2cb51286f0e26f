import { StreamError } from '../../errors/error.ts'
import { replay, withBody } from '../../seller/adapters/request.ts'

/** A body is held up to here: prompts may carry pictures. */
const MAX_BODY = 8 << 20
/** All bodies that are held at once, of all requests. */
const MAX_HELD = 256 << 20
let held = 0

/** A request whose body was read, and stands to be read again. */
export interface HeldRequest {
  readonly request: Request
  /** `undefined` where there is none. */
  readonly body: Uint8Array | undefined
}

/**
 * Reads a request's body, up to 8 MiB of it, for a price that depends on it; what was read is streamed on to whoever reads the body next.
 * @throws StreamError `request-refused` for a body that is too long or compressed
 */
export async function holdBody(request: Request): Promise<HeldRequest> {
  if (!request.body) return { request, body: undefined }
  if (!/^(?:identity)?$/i.test(request.headers.get('content-encoding')?.trim() ?? '')) {
    throw new StreamError('request-refused', 'a compressed body cannot be priced by what is in it')
  }
  const chunks = await readWhole(request.body)
  return { request: withBody(request, replay(chunks)), body: Buffer.concat(chunks) }
}

async function readWhole(body: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.byteLength
      held += chunk.byteLength
      if (length > MAX_BODY) {
        throw new StreamError('request-refused', `a body that is priced by what is in it has up to ${MAX_BODY} bytes`)
      }
      if (held > MAX_HELD) throw new StreamError('too-many-streams', 'too many bodies are read at once')
      chunks.push(chunk)
    }
    return chunks
  } finally {
    held -= length
  }
}

/** `undefined` for anything but a JSON object with one text called model. @throws StreamError `request-refused` for two */
export function modelOf(body: Uint8Array): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Some services read names without regard to capitals: of two models the cheap one must not decide the price.
  const names = Object.keys(value).filter((name) => name.toLowerCase() === 'model')
  if (names.length > 1) throw new StreamError('request-refused', 'the body names more than one model')
  const model = names[0] === undefined ? undefined : (value as Record<string, unknown>)[names[0]]
  return typeof model === 'string' ? model : undefined
}
