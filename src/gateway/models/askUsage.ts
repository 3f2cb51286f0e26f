/** What is answered to a request that streams tokens in OpenAI's way. */
const PATH = /\/(?:chat\/)?completions\/?$/

/** Whether a request may be one whose answer streams tokens in OpenAI's way. */
export const mayStreamTokens = (method: string, pathname: string, contentType: string | null): boolean =>
  method === 'POST' &&
  PATH.test(pathname) &&
  !/^(?!application\/json\b)/i.test((contentType ?? 'application/json').trim())

/**
 * The body of a request for a stream of tokens, changed so that the model's server tells at the end how many there were; `undefined`
 * where there is nothing to change: no stream, no JSON object, or the client asks for it by itself.
 * @example askUsage('{"stream":true}') // '{"stream_options":{"include_usage":true},"stream":true}'
 */
export function askUsage(body: string): string | undefined {
  const request = parseObject(body)
  if (request?.stream !== true) return undefined
  const options = request.stream_options
  if (options === undefined || options === null) {
    // Put in front as text: what a number beyond a double's digits says stays as it was. The last of two members holds, so a
    // `null` that the client wrote is taken out.
    return options === undefined
      ? body.replace('{', '{"stream_options":{"include_usage":true},')
      : JSON.stringify({ ...request, stream_options: { include_usage: true } })
  }
  if (!isObject(options) || options.include_usage === true) return undefined
  return JSON.stringify({ ...request, stream_options: { ...options, include_usage: true } })
}

type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
