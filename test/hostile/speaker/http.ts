import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** An answer, its body unread. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
}

export interface Question {
  readonly method?: string
  readonly authorization?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/**
 * A plain HTTP client of one address. Not `fetch`: a hostile client chooses where it comes from, does not read, and keeps as many
 * connections as it likes.
 */
export class Line {
  readonly #agent: Agent
  readonly #address: string | undefined

  constructor(address?: string) {
    this.#address = address
    this.#agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  }

  /** Resolves with the head of the answer. @throws the connection's error */
  send(url: string, question: Question = {}): Promise<Answer> {
    const { method = 'GET', authorization, headers, signal } = question
    return new Promise((resolve, reject) => {
      const message = request(url, {
        method,
        agent: this.#agent,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        ...(this.#address !== undefined && { localAddress: this.#address }),
        ...(signal && { signal }),
      })
      message.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed an idle connection at the very moment when it was taken up again: it has seen nothing of this.
        if (message.reusedSocket && error.code === 'ECONNRESET') this.send(url, question).then(resolve, reject)
        else reject(error)
      })
      message.on('response', (body) => {
        body.on('error', () => {})
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body })
      })
      message.end()
    })
  }

  end(): void {
    this.#agent.destroy()
  }
}

/** Reads up to `most` bytes, until the end, the break of the connection, or `patienceMs` without a byte. */
export async function readBytes({ body }: Answer, most = Number.POSITIVE_INFINITY, patienceMs = 1500): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  const timer = setTimeout(() => body.destroy(), patienceMs)
  try {
    for await (const chunk of body) {
      timer.refresh()
      chunks.push(chunk)
      length += chunk.length
      if (length >= most) break
    }
  } catch {
    // A connection that was broken off: what came before counts.
  }
  clearTimeout(timer)
  return Buffer.concat(chunks)
}

/** The JSON of a small answer; `undefined` if it is none. */
export async function readJson(answer: Answer): Promise<unknown> {
  const bytes = await readBytes(answer, 1 << 20, 20_000)
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** How an answer is named in a row: its status, with the problem's code. */
export async function nameOf(answer: Answer): Promise<string> {
  const body = (await readJson(answer)) as { code?: unknown } | undefined
  return typeof body?.code === 'string' ? `${answer.status} ${body.code}` : `${answer.status}`
}

let next = 0
/** A loopback address that no other attack uses, so that a limit on addresses hits its attacker alone. */
export function ownAddress(): string | undefined {
  if (process.platform !== 'linux') return undefined
  next++
  return `127.1.${next >> 8}.${next & 255}`
}
