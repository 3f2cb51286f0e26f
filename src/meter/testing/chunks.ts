import fc from 'fast-check'

/** Cuts bytes at the given places, in any order and number: an arbitrary chunking of a body. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => bytes.slice(from, cuts[i] ?? bytes.length))
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** One event of an OpenAI-style stream with generated content. */
export const tokenEvent = (text: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`

export const usageEvent = (tokens: number): string =>
  `data: ${JSON.stringify({ choices: [], usage: { completion_tokens: tokens } })}\n\n`

export const cuts = fc.array(fc.nat(4000), { maxLength: 20 })

const lineEnd = fc.constantFrom('\n', '\r', '\r\n')
const line = fc.oneof(
  fc.string({ maxLength: 12, unit: 'grapheme' }).map((text) => `data: ${text.replace(/[\r\n]/g, ' ')}`),
  fc.constantFrom('data', 'data:', 'data:x', ': comment', 'event: statement', 'id: 1', '', '\uFEFFdata: marked'),
  fc.constantFrom('a', 'b').map((text) => tokenEvent(text).trim()),
  fc.nat(40).map((tokens) => usageEvent(tokens).trim()),
)
/** Text that is nearly server-sent events, with every kind of line end. */
export const eventText = fc
  .array(fc.tuple(line, lineEnd), { maxLength: 30 })
  .map((lines) => lines.map(([text, end]) => text + end).join(''))

const told = fc.oneof(fc.nat(60), fc.constantFrom(-1, 1.5, Number.MAX_SAFE_INTEGER, 1e300))
const ndjsonLine = fc.oneof(
  fc.string({ maxLength: 8 }).map((response) => JSON.stringify({ response, done: false })),
  fc.string({ maxLength: 8 }).map((content) => JSON.stringify({ message: { content }, done: false })),
  fc
    .tuple(told, told)
    .map(([evaluated, prompt]) => JSON.stringify({ done: true, eval_count: evaluated, prompt_eval_count: prompt })),
  fc.constantFrom('', '{', '{"done":', 'junk', '\uFEFF{}'),
)
/** Text that is nearly NDJSON, its counts true or not. */
export const lineText = fc
  .array(fc.tuple(ndjsonLine, fc.constantFrom('\n', '\r\n', '\n\n', '')), { maxLength: 30 })
  .map((lines) => lines.map(([text, end]) => text + end).join(''))

/** Bodies of all kinds: nearly events, nearly lines, and any bytes. */
export const anyBytes = fc.oneof(eventText.map(utf8), lineText.map(utf8), fc.uint8Array({ maxLength: 400 }))
