import { countsOnStatements } from '../meter/answer.ts'
import { encodeStatement } from '../wire/statement.ts'
import type { Account } from './account.ts'

/** Statements are at least this far apart, so that a busy stream costs a few a second. */
const LEAST_MS = 25
/** How often delivery that nothing else reports is told to a buyer that pays by that, and to one that counts for itself. */
const PROGRESS_MS = { told: 100, counted: 1000 }
/** A buyer that heard nothing for some time takes the channel for half open. */
const KEEP_ALIVE_MS = 5000

export interface Watch {
  /** A watch of an agreement that nobody paid on ends after this long. In ms. */
  readonly unpaidLifeMs: number
  /** Something was paid: this is no stranger's watch. */
  readonly onPaid: () => void
  readonly onEnd: () => void
}

/** The control channel of an agreement: live statements as server-sent events (spec section 4). */
export function watchResponse(account: Account, watch: Watch): Response {
  return new Response(statements(account, watch), {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  })
}

function statements(account: Account, { unpaidLifeMs, onPaid, onEnd }: Watch): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let end = () => {}
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let sentAtMs = 0
      let sentSteps = -1n
      let timer: ReturnType<typeof setTimeout> | undefined
      const write = (text: string) => {
        // A reader that does not read gets no more: each statement replaces the one before.
        if ((controller.desiredSize ?? 0) > -64) controller.enqueue(encoder.encode(text))
      }
      const send = () => {
        clearTimeout(timer)
        timer = undefined
        sentAtMs = performance.now()
        sentSteps = account.gate.deliveredSteps
        write(`event: statement\ndata: ${JSON.stringify(encodeStatement(account.statement()))}\n\n`)
        if (account.gate.paid > 0n) onPaid()
        if (account.closed) close()
      }
      const close = () => {
        end()
        controller.close()
      }
      const startedAtMs = performance.now()
      const progressMs = countsOnStatements(account.agreement) ? PROGRESS_MS.told : PROGRESS_MS.counted
      const changed = () => {
        const sinceMs = performance.now() - sentAtMs
        if (sinceMs >= LEAST_MS) send()
        else timer ??= setTimeout(send, LEAST_MS - sinceMs)
      }
      const progress = setInterval(() => {
        if (account.gate.paid === 0n && performance.now() - startedAtMs > unpaidLifeMs) close()
        else if (account.gate.deliveredSteps !== sentSteps) changed()
        else if (performance.now() - sentAtMs > KEEP_ALIVE_MS) {
          sentAtMs = performance.now()
          write(': alive\n\n')
        }
      }, progressMs)
      const unwatch = account.watch(changed)
      end = () => {
        clearTimeout(timer)
        clearInterval(progress)
        unwatch()
        onEnd()
      }
      send()
    },
    cancel: () => end(),
  })
}
