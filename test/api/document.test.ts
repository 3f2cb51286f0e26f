import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { CALLS } from '../../src/api/calls/index.ts'
import { openApiOf } from '../../src/api/openapi.ts'
import { BASE, scriptedStand } from './stand.ts'

const META = path.join(import.meta.dirname, '..', 'gateway', 'openapi31.json')

test('the document is one of OpenAPI 3.1, and every schema in it is one of JSON Schema', async () => {
  const { document } = await scriptedStand()
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  // Where the meta-schema says "a schema, in whichever dialect", Ajv finds none: those are looked at below.
  const meta = readFileSync(META, 'utf8').replaceAll(/"\$dynamicRef": "#meta"/g, '"type": ["object", "boolean"]')
  const validate = ajv.compile(JSON.parse(meta))
  expect(validate(document) ? [] : validate.errors).toEqual([])
  expect(document.openapi).toBe('3.1.0')
  for (const schema of Object.values(document.components.schemas)) {
    expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true)
  }
})

test('it names every call once, with all its parameters, and refers to nothing that is not there', () => {
  const document = openApiOf(CALLS, { version: '1' }) as {
    paths: Record<string, Record<string, { operationId: string; parameters?: { name: string; in: string }[] }>>
    components: { schemas: Record<string, unknown> }
  }
  const operations = Object.entries(document.paths).flatMap(([where, methods]) =>
    Object.values(methods).map((operation) => ({ where, ...operation })),
  )
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(CALLS.length)
  for (const { where, parameters = [] } of operations) {
    const named = [...where.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(named)
  }
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name!,
  )
  expect(refs.length).toBeGreaterThan(CALLS.length)
  for (const name of refs) expect(Object.keys(document.components.schemas)).toContain(name)
})

test('it is for everybody, and nothing else is', async () => {
  const stand = await scriptedStand()
  const served = await stand.raw('/openapi.json')
  expect([served.status, served.headers.get('content-type')]).toEqual([200, 'application/json'])
  for (const call of CALLS) {
    const answer = await stand.raw(call.path, { method: call.method, headers: { authorization: 'Bearer spt_guessed' } })
    expect([call.path, answer.status]).toEqual([call.path, 401])
  }
})

test('what lies elsewhere is not answered here', async () => {
  const stand = await scriptedStand()
  for (const where of [
    '/',
    '/v1/chat',
    '/.streampay',
    '/.streampay/v1',
    '/.streampay/v2/status',
    '/x/.streampay/v1/status',
  ]) {
    expect((await fetch(`${stand.server.url}${where}`)).status).toBe(418)
  }
  expect(BASE).toBe('/.streampay/v1')
})
