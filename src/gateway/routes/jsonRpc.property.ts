import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { type Call, readCall } from './jsonRpc.ts'

type Member = readonly [name: string, value: string | readonly Member[]]

const space = fc.stringMatching(/^[ \n\t]{0,3}$/)
const spelled = (name: string): fc.Arbitrary<string> =>
  fc.constantFrom(...Array.from({ length: 12 }, () => name), name.toUpperCase(), name[0]!.toUpperCase() + name.slice(1))
const tool = fc.constantFrom('count', 'shout', 'a:"b', '\\', '{"name":"shout"}')
const inParams = fc.array(
  fc.oneof(
    fc.tuple(spelled('name'), tool),
    fc.tuple(fc.constant('arguments'), fc.array(fc.tuple(spelled('name'), tool), { maxLength: 2 })),
    fc.tuple(fc.constant('text'), fc.constantFrom('"name":', 'x')),
  ),
  { maxLength: 3 },
)
const members: fc.Arbitrary<readonly Member[]> = fc.array(
  fc.oneof(
    fc.tuple(spelled('method'), fc.constantFrom('tools/call', 'tools/call', 'tools/call', 'tools/list')),
    fc.tuple(spelled('params'), inParams as fc.Arbitrary<readonly Member[]>),
    fc.tuple(fc.constant('id'), fc.constantFrom('1', 'method')),
  ),
  { maxLength: 4 },
)

/** JSON text of members as they are, twice or not; names may be escaped. */
function written(list: readonly Member[], gap: string, escaped: boolean): string {
  const name = (text: string) =>
    escaped
      ? `"${[...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(text)
  const value = (one: Member[1]) => (typeof one === 'string' ? JSON.stringify(one) : written(one, gap, escaped))
  return `{${gap}${list.map(([key, one]) => `${name(key)}${gap}:${gap}${value(one)}`).join(`${gap},${gap}`)}${gap}}`
}

type Pick = (list: readonly Member[], name: string) => Member[1] | undefined
/** As services read an object: the first or the last of a name, with or without regard to capitals. */
const READERS: readonly Pick[] = [true, false].flatMap((first) =>
  [true, false].map(
    (exact): Pick =>
      (list, name) => {
        const fitting = list.filter(([key]) => (exact ? key : key.toLowerCase()) === name)
        return (first ? fitting[0] : fitting.at(-1))?.[1]
      },
  ),
)

function callOf(list: readonly Member[], pick: Pick): Call {
  const method = pick(list, 'method')
  if (typeof method !== 'string') return {}
  if (method !== 'tools/call') return { method }
  const params = pick(list, 'params')
  const name = params === undefined || typeof params === 'string' ? undefined : pick(params, 'name')
  return { method, ...(typeof name === 'string' && { tool: name }) }
}

test('what is taken is one call, however the service behind reads it', () => {
  let tools = 0
  fc.assert(
    fc.property(members, space, fc.boolean(), (list, gap, escaped) => {
      let call: Call
      try {
        call = readCall(Buffer.from(written(list, gap, escaped)))
      } catch (error) {
        expect((error as StreamError).code).toBe('request-refused')
        return
      }
      if (call.tool !== undefined) tools++
      for (const pick of READERS) expect(callOf(list, pick)).toEqual(call)
    }),
    { numRuns: 3000 },
  )
  expect(tools).toBeGreaterThan(10)
})

test('any bytes are a call or refused', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.json().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, (body) => {
      try {
        readCall(body)
      } catch (error) {
        expect(error).toBeInstanceOf(StreamError)
      }
    }),
    { numRuns: 3000 },
  )
})
