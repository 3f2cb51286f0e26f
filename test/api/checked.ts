import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { expect } from 'vitest'

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >
}
export interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

/** Holds every answer against the document that the API itself serves: its status, its media type, its body. */
export class Checked {
  readonly #document: Document
  readonly #ajv: Ajv2020
  readonly #compiled = new Map<string, ValidateFunction>()
  /** Answers that were held against it, as `getStatus 200`. */
  readonly seen = new Set<string>()

  constructor(document: Document) {
    this.#document = document
    this.#ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true })
    this.#ajv.addSchema({ $id: 'components', $defs: document.components.schemas })
  }

  check(method: string, path: string, status: number, type: string, body: unknown): void {
    const template = Object.keys(this.#document.paths).find((one) => fits(one, path))
    expect(template, `${path} is in the document`).toBeDefined()
    const operation = this.#document.paths[template!]![method.toLowerCase()]
    if (!operation) {
      expect(status, `${method} ${path} is not in the document`).toBe(405)
      return
    }
    const known = operation.responses[`${status}`] ? `${status}` : 'default'
    if (known === 'default') expect(status, 'only problems are not named').toBeGreaterThanOrEqual(400)
    const { content } = operation.responses[known]!
    expect(Object.keys(content), `${method} ${path} → ${status}`).toContain(type)
    this.seen.add(`${method} ${template} ${status}`)
    const validate = this.#validator(content[type]!.schema)
    expect(validate(body) ? [] : validate.errors, `${method} ${path} → ${status} ${JSON.stringify(body)}`).toEqual([])
  }

  #validator(schema: object): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('#/components/schemas/', 'components#/$defs/')
    const validate = this.#compiled.get(text) ?? this.#ajv.compile(JSON.parse(text))
    this.#compiled.set(text, validate)
    return validate
  }
}

const fits = (template: string, path: string): boolean => {
  const [one, two] = [template.split('/'), path.split('?')[0]!.split('/')]
  return one.length === two.length && one.every((part, index) => part.startsWith('{') || part === two[index])
}
