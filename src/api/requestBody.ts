import { StreamError } from '../errors/error.ts'

/** A request that is refused before any call sees it, with the status that HTTP has for the reason. */
export class Refused extends StreamError {
  readonly answer: number

  constructor(status: number, message: string) {
    super('input-invalid', message)
    this.answer = status
  }
}

/** The longest thing that is sent here is an invoice in a URI, of 8 KiB. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * The JSON of a request's body.
 *
 * Only what says that it is JSON is read: a page of elsewhere cannot make a browser send that without asking first.
 * @throws Refused for another media type, for too much of it, and for what is no JSON
 */
export async function readJsonBody(request: Request): Promise<unknown> {
  const type = (request.headers.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type !== 'application/json') throw new Refused(415, 'the body has to be of application/json')
  const text = await readText(request)
  try {
    return JSON.parse(text)
  } catch {
    throw new Refused(400, 'the body is no JSON')
  }
}

async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLong()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let bytes = 0
  let text = ''
  const reader = request.body?.getReader()
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader!.read()) {
      bytes += part.value.byteLength
      if (bytes > MAX_BODY_BYTES) throw tooLong()
      text += decoder.decode(part.value, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(400, 'the body is not UTF-8')
    throw error
  } finally {
    await reader?.cancel().catch(() => {})
  }
}

const tooLong = (): Refused => new Refused(413, `the body is longer than ${MAX_BODY_BYTES} bytes`)
