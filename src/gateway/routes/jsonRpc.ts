import { StreamError } from '../../errors/error.ts'

/** What a JSON-RPC message asks for; nothing where it is an answer. */
export interface Call {
  readonly method?: string
  /** Of MCP's `tools/call`: the name of the tool. */
  readonly tool?: string
}

const TOOLS_CALL = 'tools/call'
/** Names that are longer are matched by no pattern, and must not slip through to a cheaper route. */
const MAX_NAME = 200
/** Members whose second occurrence, which the service behind might take, would make another call of it. */
const SINGLE = ['method', 'params', 'name']

/**
 * Reads what a JSON-RPC body asks for. Where calls are priced by what they ask for, the service behind must not be able to read another
 * call than was read here.
 * @throws StreamError `request-refused` for what is no single JSON-RPC message: a batch, a member that is there twice, a name without a bound
 */
export function readCall(body: Uint8Array): Call {
  const { text, value } = parse(body)
  if (!isObject(value)) throw refused(Array.isArray(value) ? 'a batch of calls' : 'a body that is no JSON-RPC message')
  const twice = repeatedMember(text)
  if (twice !== undefined) throw refused(`a body with more than one "${twice}"`)
  const { method, params } = value
  checkSpelling(value)
  if (method === undefined) return {}
  checkName(method, 'method')
  if (method !== TOOLS_CALL) return { method }
  if (!isObject(params)) throw refused('a call of no tool')
  checkSpelling(params)
  const { name } = params
  checkName(name, 'tool')
  return { method, tool: name }
}

/** Some services pay no regard to capitals in the names of members. */
function checkSpelling(object: Readonly<Record<string, unknown>>): void {
  const odd = Object.keys(object).find((name) => SINGLE.includes(name.toLowerCase()) && !SINGLE.includes(name))
  if (odd !== undefined) throw refused(`a body with "${odd.slice(0, 40)}"`)
}

function parse(body: Uint8Array): { readonly text: string; readonly value: unknown } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    return { text, value: JSON.parse(text) }
  } catch {
    throw refused('a body that is no JSON')
  }
}

function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME)
    throw refused(`a call without a ${what}'s name`)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The first member that JSON text, known to be well-formed, has twice in its outermost object or in an object right below: parsers differ in
 * which of the two they take, and some pay no regard to capitals.
 */
function repeatedMember(text: string): string | undefined {
  const seen = [new Set<string>(), new Set<string>()]
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      depth++
      if (depth === 2) seen[1] = new Set()
    } else if (character === '}' || character === ']') depth--
    else if (character === '"') {
      const end = endOfString(text, at)
      const names = seen[depth - 1]
      if (names && isMember(text, end)) {
        const name = (JSON.parse(text.slice(at, end + 1)) as string).toLowerCase()
        if (names.has(name) && SINGLE.includes(name)) return name
        names.add(name)
      }
      at = end
    }
  }
  return undefined
}

function isMember(text: string, end: number): boolean {
  let at = end + 1
  while (' \t\r\n'.includes(text[at]!)) at++
  return text[at] === ':'
}

/** Where the string that begins at a quote has its closing quote. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

const refused = (what: string): StreamError =>
  new StreamError('request-refused', `${what} has no price here: calls are priced one by one, by what they ask for`)
