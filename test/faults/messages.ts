import { parseCredential } from '../../src/wire/credential.ts'
import type { Payload } from '../../src/wire/payload.ts'

export type Action = Payload['action']

/**
 * What can become of a control message. `lost-request`: it never arrives. `lost-answer`: it takes effect, and its answer never
 * comes. `cut-answer`: half of the answer comes. `twice`: it arrives twice, and the first answer is lost. `late`: it arrives
 * after what was sent later. `gateway`: a proxy says 504 though it took effect.
 */
export type MessageFault = 'lost-request' | 'lost-answer' | 'cut-answer' | 'twice' | 'late' | 'gateway'
export const MESSAGE_FAULTS: readonly MessageFault[] = [
  'lost-request',
  'lost-answer',
  'cut-answer',
  'twice',
  'late',
  'gateway',
]

const LATE_MS = 300

export interface FaultyMessages {
  /** As the `fetch` option of a buyer. */
  readonly fetch: typeof globalThis.fetch
  /** Faults that struck, by action. */
  readonly struck: ReadonlyMap<Action, number>
  /** Messages that were sent, by action. */
  readonly sent: ReadonlyMap<Action, number>
}

/** A `fetch` whose control messages meet with faults. @param plan what becomes of the n-th message (from 0) of an action */
export function faultyMessages(plan: (action: Action, n: number) => MessageFault | undefined): FaultyMessages {
  const sent = new Map<Action, number>()
  const struck = new Map<Action, number>()
  const faulty = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const action = actionOf(init)
    if (action === undefined || action === 'use') return fetch(input, init)
    const n = sent.get(action) ?? 0
    sent.set(action, n + 1)
    const fault = plan(action, n)
    if (fault === undefined) return fetch(input, init)
    struck.set(action, (struck.get(action) ?? 0) + 1)
    return strike(fault, input, init)
  }
  return { fetch: faulty, struck, sent }
}

function actionOf({ headers }: RequestInit): Action | undefined {
  const authorization = new Headers(headers).get('authorization')
  return authorization === null ? undefined : parseCredential(authorization).payload.action
}

async function strike(fault: MessageFault, input: string | URL | Request, init: RequestInit): Promise<Response> {
  switch (fault) {
    case 'lost-request':
      throw reset()
    case 'lost-answer':
      await drop(await fetch(input, init))
      throw reset()
    case 'cut-answer':
      return halved(await fetch(input, init))
    case 'twice':
      await drop(await fetch(input, init))
      return fetch(input, init)
    case 'late':
      await new Promise((resolve) => setTimeout(resolve, LATE_MS))
      return fetch(input, init)
    case 'gateway':
      await drop(await fetch(input, init))
      return new Response('<html>504 Gateway Time-out</html>', { status: 504 })
  }
}

const reset = (): TypeError => new TypeError('fetch failed', { cause: new Error('read ECONNRESET') })

/** Waits for an answer that has an end, and throws it away. */
async function drop(response: Response): Promise<void> {
  if (response.headers.get('content-type') === 'text/event-stream') await response.body?.cancel()
  else await response.arrayBuffer()
}

/** The answer with half of its first chunk, and then a broken connection. */
function halved(response: Response): Response {
  const reader = response.body!.getReader()
  let begun = false
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (begun) return controller.error(new TypeError('terminated'))
      begun = true
      const { value } = await reader.read()
      void reader.cancel()
      controller.enqueue((value ?? new Uint8Array()).subarray(0, Math.ceil((value?.length ?? 0) / 2)))
    },
  })
  const { status, headers } = response
  return new Response(body, { status, headers: { 'content-type': headers.get('content-type') ?? '' } })
}
