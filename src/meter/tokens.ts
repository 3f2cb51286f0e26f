/**
 * How many tokens an OpenAI-style event or body generates. Seller and buyer run this same code, so their counts differ
 * only by what is still on the wire.
 */

/** What one event of a stream says: content was generated, or how many tokens the whole answer has. */
export interface TokenEvent {
  readonly generated: boolean
  readonly usage?: bigint
}

const NOTHING: TokenEvent = { generated: false }
/** Where no usage is told: one token for every four bytes of the body, rounded up. */
const BYTES_PER_TOKEN = 4n

/** Reads the `data` of one server-sent event. Anything that is not an OpenAI-style chunk generates nothing. */
export function readTokenEvent(data: string): TokenEvent {
  if (data === '' || data === '[DONE]') return NOTHING
  const body = parseObject(data)
  if (!body) return { generated: true }
  const usage = readUsage(body)
  const generated = Array.isArray(body.choices) ? body.choices.some(hasContent) : usage === undefined
  return usage === undefined ? { generated } : { generated, usage }
}

/** Tokens of a whole body that is not a stream of events. */
export function tokensOfBody(body: Uint8Array): bigint {
  const usage = parseObject(new TextDecoder().decode(body))
  return (usage && readUsage(usage)) ?? tokensOfBytes(BigInt(body.byteLength))
}

export const tokensOfBytes = (bytes: bigint): bigint => (bytes + BYTES_PER_TOKEN - 1n) / BYTES_PER_TOKEN

type Json = Readonly<Record<string, unknown>>

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function readUsage(body: Json): bigint | undefined {
  const count = isObject(body.usage) ? body.usage.completion_tokens : undefined
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? BigInt(count) : undefined
}

const CONTENT = ['content', 'reasoning_content', 'reasoning', 'refusal', 'tool_calls', 'function_call'] as const

function hasContent(choice: unknown): boolean {
  if (!isObject(choice)) return false
  if (typeof choice.text === 'string') return choice.text !== ''
  const delta = choice.delta
  return isObject(delta) && CONTENT.some((key) => delta[key] !== undefined && delta[key] !== null && delta[key] !== '')
}
