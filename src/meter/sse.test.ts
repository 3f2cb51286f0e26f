import { describe, expect, test } from 'vitest'
import { SseSplitter } from './sse.ts'
import { utf8 } from './testing/chunks.ts'

const dataOf = (text: string) => {
  const splitter = new SseSplitter()
  return { data: splitter.push(utf8(text)).map(({ data }) => data), rest: new TextDecoder().decode(splitter.end()) }
}

describe('SseSplitter', () => {
  test.each([
    ['line feeds', 'data: a\n\ndata: b\n\n'],
    ['carriage returns', 'data: a\r\rdata: b\r\r'],
    ['both', 'data: a\r\n\r\ndata: b\r\n\r\n'],
    ['a line feed and then both', 'data: a\n\r\ndata: b\n\r\n'],
    ['both and then a line feed', 'data: a\r\n\ndata: b\r\n\n'],
  ])('a blank line ends an event: %s', (_, text) => {
    expect(dataOf(text)).toEqual({ data: ['a', 'b'], rest: '' })
  })

  test('joins the data lines of an event, and takes one space off', () => {
    expect(dataOf('data: a\ndata:b\ndata:  c\n\n').data).toEqual(['a\nb\n c'])
  })

  test('comments and other fields are no data', () => {
    expect(dataOf(': alive\n\nevent: x\nid: 7\nretry: 5\n\n').data).toEqual(['', ''])
  })

  test('an unfinished event is passed on at the end, and is no event', () => {
    expect(dataOf('data: a\n\ndata: cut')).toEqual({ data: ['a'], rest: 'data: cut' })
  })
})
