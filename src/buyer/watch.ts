import { SseSplitter } from '../meter/sse.ts'
import { decodeStatement, type Statement } from '../wire/statement.ts'

const RETRY_MS = { first: 100, last: 5000 }

/**
 * Follows an agreement's control channel until `signal` aborts, reconnecting with pauses. A statement that cannot be read is
 * passed over: it is news, not proof.
 */
export async function follow(
  connect: (signal: AbortSignal) => Promise<Response>,
  onStatement: (statement: Statement) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let pauseMs = RETRY_MS.first; !signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS.last)) {
    try {
      const response = await connect(signal)
      // Refused for good; a seller that only fails for now is asked again.
      if (response.status >= 400 && response.status < 500 && response.status !== 429) return
      if (!response.ok || !response.body) throw new Error(`the seller answered ${response.status}`)
      pauseMs = RETRY_MS.first
      if (await read(response.body, onStatement)) return
    } catch {
      // The data goes on without its control channel; only units that the buyer cannot count wait for it.
    }
    await pause(pauseMs, signal)
  }
}

/** Reads statements; `true` when the agreement was closed. */
async function read(body: ReadableStream<Uint8Array>, onStatement: (statement: Statement) => void): Promise<boolean> {
  const splitter = new SseSplitter()
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return false
    for (const { data } of splitter.push(value)) {
      const statement = parse(data)
      if (statement) onStatement(statement)
      if (statement?.state === 'closed') return true
    }
  }
}

function parse(data: string): Statement | undefined {
  try {
    return data === '' ? undefined : decodeStatement(JSON.parse(data))
  } catch {
    return undefined
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
