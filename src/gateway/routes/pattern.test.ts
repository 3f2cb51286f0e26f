import { expect, test } from 'vitest'
import { compilePattern, compileWildcard, matchedPath } from './pattern.ts'

test.each([
  ['/**', ['/', '/a', '/a/b'], []],
  ['/v1/chat/*', ['/v1/chat/x', '/v1/chat/x/', '/V1/chat/x'], ['/v1/chat', '/v1/chat/', '/v1/chat/x/y']],
  ['/films/**', ['/films', '/films/', '/films/a/b'], ['/filmsx', '/x/films/a']],
  ['/*.mp4', ['/a.mp4', '/.mp4'], ['/a.mp3', '/a/b.mp4', '/axmp4']],
  ['/', ['/'], ['/a']],
  ['/a.b+(c)', ['/a.b+(c)'], ['/axb+(c)', '/a.bb(c)']],
])('%s', (text, fits, other) => {
  const { matches } = compilePattern(text)
  expect(fits.filter((path) => !matches(path))).toEqual([])
  expect(other.filter((path) => matches(path))).toEqual([])
})

test.each(['films', '/a/**/b', '/a?b', '/a/../b', '/a//b', '/a**', '/*1*2*3*4*5', '/a b', '/%41'])(
  '%s is no pattern',
  (text) => {
    expect(() => compilePattern(text)).toThrow(TypeError)
  },
)

test.each([
  ['/films/**', '/films'],
  ['/a/b/*.mp4', '/a/b'],
  ['/a/b', '/a'],
  ['/**', ''],
])('%s serves a folder below %j', (text, prefix) => expect(compilePattern(text).prefix).toBe(prefix))

test('paths are matched as a service might read them', () => {
  expect(matchedPath('/%61//b%2fc')).toBe('/a/b/c')
  expect(matchedPath('/%2561')).toBeUndefined()
  expect(matchedPath('/%ff')).toBeUndefined()
})

test('models by their beginning', () => {
  const fits = compileWildcard('smollm2*')
  expect([fits('smollm2:135m'), fits('SmolLM2'), fits('x-smollm2')]).toEqual([true, true, false])
})
