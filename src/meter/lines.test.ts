import { describe, expect, test } from 'vitest'
import { join, LineSplitter, together } from './lines.ts'
import { utf8 } from './testing/chunks.ts'

const MIB = 1 << 20

describe('the lines of a stream', () => {
  const cut = (...chunks: Uint8Array[]) => {
    const splitter = new LineSplitter()
    return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()].map(({ bytes, text }) => ({
      length: bytes.length,
      text,
    }))
  }

  test('end with their line feed, wherever chunks do', () => {
    expect(cut(utf8('a\nbc'), utf8('d\n'), utf8('e'))).toEqual([
      { length: 2, text: 'a\n' },
      { length: 4, text: 'bcd\n' },
      { length: 1, text: 'e' },
    ])
    expect(cut(utf8('a\n'))).toEqual([{ length: 2, text: 'a\n' }])
    expect(cut()).toEqual([])
  })

  test('of just the bound are read, and beyond it cut where chunks do not matter', () => {
    const line = (bytes: number) => utf8(`${'x'.repeat(bytes - 1)}\n`)
    expect(cut(line(MIB)).map(({ text }) => text?.length)).toEqual([MIB])
    const long = line(MIB + 5)
    const parts = [
      { length: MIB, text: undefined },
      { length: 5, text: undefined },
    ]
    expect(cut(long)).toEqual(parts)
    expect(cut(long.subarray(0, 7), long.subarray(7))).toEqual(parts)
    expect(cut(long.subarray(0, MIB), long.subarray(MIB))).toEqual(parts)
    expect(cut(long, utf8('ok\n')), 'the next is read again').toEqual([...parts, { length: 3, text: 'ok\n' }])
    const twice = line(2 * MIB + 1)
    expect(cut(twice).map(({ length }) => length)).toEqual([MIB, MIB, 1])
  })

  test('are given out as soon as they are long enough', () => {
    const splitter = new LineSplitter()
    expect(splitter.push(new Uint8Array(MIB - 1).fill(120))).toEqual([])
    expect(splitter.push(new Uint8Array(1).fill(120))).toHaveLength(1)
    expect(splitter.push(utf8('y'))).toEqual([])
    expect(splitter.end()).toMatchObject([{ bytes: utf8('y'), text: undefined }])
  })
})

describe('arrays in one', () => {
  const whole = Uint8Array.from([1, 2, 3, 4, 5, 6])

  test('are copied, and the only one is not', () => {
    expect(join([whole], 6)).toBe(whole)
    expect([...join([whole.subarray(4), whole.subarray(0, 2)], 4)]).toEqual([5, 6, 1, 2])
    expect(join([], 0)).toEqual(new Uint8Array(0))
  })

  test('are not copied where they lie side by side', () => {
    const side = together([whole.subarray(1, 3), whole.subarray(3, 4), whole.subarray(4, 6)])
    expect([...side]).toEqual([2, 3, 4, 5, 6])
    expect(side.buffer).toBe(whole.buffer)
    expect(side.byteOffset).toBe(1)
  })

  test.each<[string, Uint8Array[], number[]]>([
    ['with a gap', [whole.subarray(0, 2), whole.subarray(3, 5)], [1, 2, 4, 5]],
    [
      'with a gap before one that adjoins',
      [whole.subarray(0, 1), whole.subarray(2, 3), whole.subarray(3, 4)],
      [1, 3, 4],
    ],
    ['in another order', [whole.subarray(2, 4), whole.subarray(0, 2)], [3, 4, 1, 2]],
    ['of other memory', [whole.subarray(0, 2), Uint8Array.from([0, 0, 9]).subarray(2)], [1, 2, 9]],
    ['none', [], []],
  ])('are copied %s', (_, parts, bytes) => {
    const all = together(parts)
    expect([...all]).toEqual(bytes)
    if (parts.length > 0) expect(all.buffer).not.toBe(whole.buffer)
  })
})
