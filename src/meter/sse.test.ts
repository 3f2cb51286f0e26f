import { describe, expect, test } from 'vitest'
import { SseSplitter } from './sse.ts'
import { utf8 } from './testing/chunks.ts'

const dataOf = (text: string) => {
  const splitter = new SseSplitter()
  return {
    data: splitter.push(utf8(text)).map(({ data }) => data),
    rest: new TextDecoder().decode(splitter.end().bytes),
  }
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

  test('a blank line is one wherever the bytes are cut', () => {
    for (const end of ['\n\n', '\r\r', '\r\n\r\n', '\n\r\n']) {
      const text = `data: a${end}data: b${end}`
      for (let at = 0; at <= text.length; at++) {
        const splitter = new SseSplitter()
        const events = [...splitter.push(utf8(text.slice(0, at))), ...splitter.push(utf8(text.slice(at)))]
        expect(events.map(({ data }) => data)).toEqual(['a', 'b'])
      }
    }
  })

  test.each([
    ['a further line feed', 'data: a\n\n\ndata: b\n\n', ['a', 'b']],
    ['a further carriage return', 'data: a\r\r\rdata: b\r\r', ['a', 'b']],
    ['a further pair of both', 'data: a\r\n\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['an event that is two empty lines', 'data: a\n\n\n\r\ndata: b\n\n', ['a', '', 'b']],
  ])('a line end after a blank line belongs to the next event: %s', (_, text, expected) => {
    expect(dataOf(text)).toEqual({ data: expected, rest: '' })
  })

  test('a line of one letter is not blank', () => {
    expect(dataOf('data: a\nx\ndata: b\n\n')).toEqual({ data: ['a\nb'], rest: '' })
  })

  test('an event that came in one piece is not copied', () => {
    const bytes = utf8('data: a\n\n')
    expect(new SseSplitter().push(bytes)[0]!.bytes.buffer).toBe(bytes.buffer)
  })

  test('an event is held up to the bound, and then passed on unread', () => {
    const splitter = new SseSplitter()
    const most = 1 << 20
    expect(splitter.push(new Uint8Array(most - 1))).toEqual([])
    const [cut, ...more] = splitter.push(new Uint8Array(1))
    expect([cut!.bytes.length, cut!.data, more.length]).toEqual([most, undefined, 0])
    expect(splitter.end()).toEqual({ bytes: new Uint8Array(0), data: undefined })
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
