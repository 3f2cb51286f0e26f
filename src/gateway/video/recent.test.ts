import { expect, test } from 'vitest'
import { Catalog } from './catalog.ts'
import { Recent } from './recent.ts'

test('the last names are known, and no more than there is room for', () => {
  const recent = new Recent<number>(10)
  for (let i = 0; i < 1000; i++) {
    recent.set(`n${i}`, i)
    for (let back = 0; back < Math.min(5, i + 1); back++) expect(recent.get(`n${i - back}`)).toBe(i - back)
    expect(recent.get(`n${i - 10}`)).toBeUndefined()
  }
})

test('a name that is named again counts from then, with its latest value', () => {
  const recent = new Recent<number>(10)
  recent.set('a', 1)
  for (let i = 0; i < 4; i++) recent.set(`x${i}`, 0)
  recent.set('a', 2)
  for (let i = 0; i < 4; i++) recent.set(`y${i}`, 0)
  expect(recent.get('a')).toBe(2)
})

test('a live stream that names new files for ever has the last ones known, sold or free', () => {
  const media = (names: readonly string[], extras: readonly string[] = []) =>
    ({ kind: 'media', segments: names.map((uri) => ({ uri, ms: 2000 })), extras }) as const
  const catalog = new Catalog(100)
  catalog.learn('/live.m3u8', { kind: 'master', variants: ['v.m3u8'], renditions: ['sound.m3u8'] })
  for (let i = 0; i < 500; i++) {
    // Each player has a list of its own.
    catalog.learn('/live.m3u8', { kind: 'master', variants: [`v.m3u8?${i}`], renditions: [`sound.m3u8?${i}`] })
    catalog.learn('/v.m3u8', media([`v${i}`], ['init.mp4']))
    catalog.learn('/sound.m3u8', media([`s${i}`]))
    expect(catalog.ms(`/v${i}`)).toBe(2000)
    expect(catalog.isFree(`/s${i}`)).toBe(true)
    expect(catalog.isFree('/init.mp4')).toBe(true)
    expect(catalog.ms(`/v${i - 100}`)).toBeUndefined()
    expect(catalog.isFree(`/s${i - 100}`)).toBe(false)
  }
})
