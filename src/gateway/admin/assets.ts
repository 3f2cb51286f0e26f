import { existsSync, readFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { answer } from './answers.ts'

/** As published: scripts and chart library lie beside this, ready. */
const BUILT = join(import.meta.dirname, 'page')
/** From source they are TypeScript without anything that needs a compiler. */
export const SOURCE = join(import.meta.dirname, '../../../web/dashboard')
const NAME = /^[a-zA-Z]+\.(?:js|css|svg)$/
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/** The files of the page. Read once; only names of one form exist, so no path leads anywhere else. */
export class Assets {
  readonly #kept = new Map<string, string>()
  readonly #built = existsSync(BUILT)

  get(name: string): Response | undefined {
    if (!NAME.test(name)) return undefined
    const text = this.#kept.get(name) ?? (this.#built ? read(join(BUILT, name)) : pageFile(name))
    if (text === undefined) return undefined
    this.#kept.set(name, text)
    return answer(text, TYPES[name.slice(name.lastIndexOf('.') + 1)]!)
  }

  page(): Response {
    const html = readFileSync(join(this.#built ? BUILT : SOURCE, 'index.html'), 'utf8')
    return answer(html, 'text/html; charset=utf-8')
  }
}

/** A file of the page, made from its source; `undefined` if there is none of this name. */
export function pageFile(name: string): string | undefined {
  // The small one is a script, and says its name to nobody.
  if (name === 'uPlot.js') return `${read(chartLibrary('uPlot.iife.min.js'))}\nexport default uPlot\n`
  if (name === 'uPlot.css') return read(chartLibrary('uPlot.min.css'))
  if (!name.endsWith('.js')) return read(join(SOURCE, name))
  const script = read(join(SOURCE, name.replace(/\.js$/, '.ts')))
  return script === undefined ? undefined : quietly(() => strip(script))
}

const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)

const chartLibrary = (file: string): string => join(dirname(createRequire(import.meta.url).resolve('uplot')), file)

const strip = (source: string): string =>
  // By the module: what is published needs it no more, and Bun has it not.
  module
    .stripTypeScriptTypes(source)
    .replace(/(from '\.\/\w+)\.ts'/g, "$1.js'")
    .replace("from 'uplot'", "from './uPlot.js'")

/** Node says once that its own stripping is young; who runs from source knows. */
function quietly<T>(work: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return work()
  } finally {
    process.emitWarning = emitWarning
  }
}
