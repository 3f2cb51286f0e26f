import type { RouteConfig } from '../config/schema.ts'
import { compileWildcard } from '../routes/pattern.ts'
import { upstreamHeaders } from '../sources.ts'
import type { ModelPage } from './kinds.ts'

const PATIENCE_MS = 2000
const KEPT_MS = 60_000
const MAX_BYTES = 1 << 20
const MAX_NAMES = 100
const MAX_NAME = 200
/** Services whose names are remembered: as many as a configuration may have. */
const MAX_KEPT = 1000

/** Which models a service says that it has, asked for a page and remembered for a minute. */
export class ModelNames {
  readonly #kept = new Map<string, { readonly untilMs: number; readonly names: Promise<readonly string[]> }>()

  /** Names that the route takes; none where the service does not tell. */
  async of(config: RouteConfig, { path, model }: ModelPage): Promise<readonly string[]> {
    if (model !== undefined && !model.includes('*')) return [model]
    const fits = compileWildcard(model ?? '*')
    return (await this.#ask(config, path)).filter(fits)
  }

  #ask(config: RouteConfig, path: string): Promise<readonly string[]> {
    const url = listOf(config.upstream!, path)
    const known = this.#kept.get(url)
    if (known && known.untilMs > performance.now()) return known.names
    const names = read(url, config).catch(() => [])
    this.#kept.delete(url)
    this.#kept.set(url, { untilMs: performance.now() + KEPT_MS, names })
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    return names
  }
}

/** Where a service lists its models, beside where it is asked: OpenAI's API, or Ollama's. */
function listOf(upstream: string, path: string): string {
  const url = new URL(upstream)
  const list = path.replace(/\/chat\/completions$/, '/models').replace(/\/api\/chat$/, '/api/tags')
  url.pathname = url.pathname.replace(/\/$/, '') + list
  return url.href
}

async function read(url: string, config: RouteConfig): Promise<readonly string[]> {
  const target = new URL(url)
  // A fetch takes no name and password in its URL.
  const { username, password } = target
  target.username = target.password = ''
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  const response = await fetch(target, {
    headers: { ...(username && { authorization: `Basic ${basic}` }), ...upstreamHeaders(config) },
    redirect: 'error',
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    if (length > MAX_BYTES) return []
    chunks.push(chunk)
  }
  const { data, models } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
  const list: unknown = data ?? models
  const names = Array.isArray(list) ? list.map((one) => one?.id ?? one?.name) : []
  return names.filter((name) => typeof name === 'string' && name.length <= MAX_NAME).slice(0, MAX_NAMES)
}
