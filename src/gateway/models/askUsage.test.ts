import fc from 'fast-check'
import { expect, test } from 'vitest'
import { askUsage, mayStreamTokens } from './askUsage.ts'

test.each([
  ['{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
  [
    ' {"seed":12345678901234567890,"stream":true}',
    ' {"stream_options":{"include_usage":true},"seed":12345678901234567890,"stream":true}',
  ],
  ['{"stream":true,"stream_options":null}', '{"stream":true,"stream_options":{"include_usage":true}}'],
  ['{"stream":true,"stream_options":{"a":1}}', '{"stream":true,"stream_options":{"a":1,"include_usage":true}}'],
  [
    '{"stream":true,"stream_options":{"include_usage":false}}',
    '{"stream":true,"stream_options":{"include_usage":true}}',
  ],
])('%s asks for its usage', (body, asking) => {
  expect(askUsage(body)).toBe(asking)
})

test.each([
  '{"stream":false}',
  '{}',
  '{"stream":"true"}',
  '{"stream":true,"stream_options":{"include_usage":true}}',
  '{"stream":true,"stream_options":"x"}',
  '[{"stream":true}]',
  '{"stream":true',
  '',
])('%s stays as it is', (body) => {
  expect(askUsage(body)).toBeUndefined()
})

test('whatever else a body says is said after it as before', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (members) => {
      const body = { ...members, stream: true }
      const asking = askUsage(JSON.stringify(body))
      if (asking === undefined) return
      const { stream_options: _, ...rest } = JSON.parse(asking)
      const { stream_options: __, ...before } = JSON.parse(JSON.stringify(body))
      expect(rest).toEqual(before)
    }),
  )
})

test('only on the paths of OpenAI’s streams, and in JSON', () => {
  expect(mayStreamTokens('POST', '/v1/chat/completions', 'application/json; charset=utf-8')).toBe(true)
  expect(mayStreamTokens('POST', '/openai/v1/completions', null)).toBe(true)
  expect(mayStreamTokens('GET', '/v1/completions', null)).toBe(false)
  expect(mayStreamTokens('POST', '/v1/embeddings', 'application/json')).toBe(false)
  expect(mayStreamTokens('POST', '/v1/chat/completions', 'multipart/form-data')).toBe(false)
})
