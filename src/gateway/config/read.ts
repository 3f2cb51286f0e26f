import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Document, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { resolveFiles } from './relative.ts'
import { configSchema, type GatewayConfig } from './schema.ts'
import { lineAndColumn, offsetOf, type Place, placeText } from './where.ts'

const MAX_BYTES = 1 << 20
const MAX_ALIASES = 100
/** More mistakes than this are told when these are mended. */
const MAX_TOLD = 8
const EXTENSIONS = ['.yaml', '.yml', '.json', '.mjs'] as const
type Extension = (typeof EXTENSIONS)[number]

/** Says where a mistake is: the file, and the line where it has lines. */
type Locate = (place: Place) => string

/**
 * Reads a configuration from a YAML, JSON or JavaScript file (`export default { … }`). Files that it names lie beside it.
 * @throws StreamError `config-invalid`, with file, line, column, member and the valid choices of every mistake
 * @example await readConfigFile('streampay.config.yaml')
 */
export async function readConfigFile(file: string): Promise<GatewayConfig> {
  const path = resolve(file)
  const extension = extname(path) as Extension
  if (!EXTENSIONS.includes(extension)) {
    throw new StreamError('config-invalid', `${file}: a configuration ends in ${EXTENSIONS.join(', ')}`)
  }
  const folder = dirname(path)
  if (extension === '.mjs') {
    return resolveFiles(
      checkConfig(await importModule(path), (place) => at(basename(path), place)),
      folder,
    )
  }
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StreamError('config-invalid', `${file} cannot be read: ${error.code ?? error.message}`, {}, error)
  })
  return resolveFiles(parseConfig(text, basename(path)), folder)
}

/**
 * Reads a configuration from YAML, of which JSON is a part.
 * @throws StreamError `config-invalid`
 */
export function parseConfig(text: string, name: string): GatewayConfig {
  if (text.length > MAX_BYTES) throw new StreamError('config-invalid', `${name}: more than ${MAX_BYTES} characters`)
  const lines = new LineCounter()
  const document: Document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [wrong] = document.errors
  if (wrong) {
    throw new StreamError('config-invalid', `${name}:${lineAndColumn(lines, wrong.pos[0])}: ${wrong.message}`)
  }
  return checkConfig(toValue(document, name), (place) =>
    at(`${name}:${lineAndColumn(lines, offsetOf(document, place))}`, place),
  )
}

/**
 * Checks a configuration that a program wrote, or the flags of a command.
 * @throws StreamError `config-invalid`
 */
export function checkConfig(value: unknown, locate: Locate = (place) => placeText(place)): GatewayConfig {
  const result = configSchema.safeParse(value)
  if (result.success) return result.data
  const told = result.error.issues.flatMap((issue) => mistakes(issue, locate))
  const more = told.length > MAX_TOLD ? [`and ${told.length - MAX_TOLD} more`] : []
  throw new StreamError('config-invalid', [...told.slice(0, MAX_TOLD), ...more].join('\n'))
}

function mistakes(issue: z.core.$ZodIssue, locate: Locate): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${locate([...issue.path, key])} ${issue.message}`)
  }
  // Of the ways that a member may be written, the object is the one whose mistakes have a place of their own.
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find((each) =>
      each.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
    )
    if (inner) return inner.flatMap((each) => mistakes({ ...each, path: [...issue.path, ...each.path] }, locate))
  }
  const message = issue.message === 'Invalid input' ? 'is not understood' : issue.message
  if (issue.code === 'invalid_key') {
    return [`${locate(issue.path)} ${issue.issues[0]?.message ?? message}`]
  }
  return [`${locate(issue.path)} ${message}`]
}

const at = (where: string, place: Place): string => `${where}: ${placeText(place)}`.trimEnd()

function toValue(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    throw new StreamError('config-invalid', `${name}: ${(error as Error).message}`, {}, error)
  }
}

/** Read anew at each call: a changed file is another module. */
async function importModule(path: string): Promise<unknown> {
  try {
    const module = (await import(`${pathToFileURL(path).href}?at=${performance.now()}`)) as { default?: unknown }
    return module.default
  } catch (error) {
    throw new StreamError('config-invalid', `${basename(path)}: ${(error as Error).message}`, {}, error)
  }
}
