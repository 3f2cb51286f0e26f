import { randomUUID } from 'node:crypto'
import { badRequest, type ChatRequest } from './chatRequest.ts'
import type { LanguageModel } from './llama.ts'

/** One answer of the model, while it is computed. */
export interface Completion {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly promptTokens: number
  /** One text for each token; ends at the model's end or at `maxTokens`. */
  readonly tokens: AsyncGenerator<string, void, void>
  /** Tokens computed so far. */
  readonly count: () => number
  readonly finishReason: () => 'stop' | 'length'
}

/**
 * Starts an answer; nothing is computed before its first token is asked for.
 * @param onToken is called for each token that was computed
 * @throws RequestError 400 where prompt and answer do not fit into the context
 */
export function complete(model: LanguageModel, request: ChatRequest, onToken: () => void): Completion {
  const prompt = model.promptOf(request.messages)
  const room = model.contextTokens - prompt.length
  if (room < 1) throw badRequest(`messages: ${prompt.length} tokens, and the context holds ${model.contextTokens}`)
  const most = Math.min(request.maxTokens, room)
  let count = 0
  async function* tokens(): AsyncGenerator<string, void, void> {
    for await (const text of model.generate(prompt, request)) {
      count++
      onToken()
      yield text
      // Checked when the next one is asked for, and before it is computed.
      if (count >= most) return
    }
  }
  return {
    id: `chatcmpl-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    promptTokens: prompt.length,
    tokens: tokens(),
    count: () => count,
    finishReason: () => (count >= most ? 'length' : 'stop'),
  }
}

/**
 * The answer as server-sent events, an OpenAI `chat.completion.chunk` for every token.
 * Invariant: a token is computed only when the reader asks for it, so a reader that pauses pauses the model. A reader
 * that pauses for longer than `idleMs` loses its answer: others wait for the model.
 */
export function eventStream(answer: Completion, idleMs: number, onEnd: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const send = (controller: ReadableStreamDefaultController<Uint8Array>, data: string) =>
    controller.enqueue(encoder.encode(`data: ${data}\n\n`))
  let idle: ReturnType<typeof setTimeout> | undefined
  const end = async (): Promise<void> => {
    clearTimeout(idle)
    // The model is free when the token that is being computed is done, not before.
    await answer.tokens.return().catch(() => {})
    onEnd()
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        send(controller, chunkOf(answer, { role: 'assistant', content: '' }, null))
        idle = setTimeout(() => expire(controller), idleMs)
      },
      async pull(controller) {
        clearTimeout(idle)
        try {
          for (;;) {
            const next = await answer.tokens.next()
            if (next.done) {
              send(controller, chunkOf(answer, {}, answer.finishReason(), usageOf(answer)))
              send(controller, '[DONE]')
              controller.close()
              return await end()
            }
            if (next.value === '') continue
            send(controller, chunkOf(answer, { content: next.value }, null))
            idle = setTimeout(() => expire(controller), idleMs)
            return
          }
        } catch (error) {
          await end()
          throw error
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )

  function expire(controller: ReadableStreamDefaultController<Uint8Array>): void {
    controller.error(new Error('nobody read the answer'))
    void end()
  }
}

/** The whole answer as one OpenAI `chat.completion`. */
export async function wholeAnswer(answer: Completion, signal: AbortSignal): Promise<object> {
  let content = ''
  for await (const text of answer.tokens) {
    signal.throwIfAborted()
    content += text
  }
  return {
    id: answer.id,
    object: 'chat.completion',
    created: answer.created,
    model: answer.model,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: answer.finishReason() }],
    usage: usageOf(answer),
  }
}

function chunkOf(answer: Completion, delta: object, finishReason: string | null, usage?: object): string {
  return JSON.stringify({
    id: answer.id,
    object: 'chat.completion.chunk',
    created: answer.created,
    model: answer.model,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
    ...(usage && { usage }),
  })
}

const usageOf = (answer: Completion) => ({
  prompt_tokens: answer.promptTokens,
  completion_tokens: answer.count(),
  total_tokens: answer.promptTokens + answer.count(),
})
