import { expect, test } from 'vitest'
import { LiveLines, shorten } from './live.ts'

function terminal(columns: number): { stream: NodeJS.WriteStream; written: () => string } {
  let text = ''
  const write = (part: string) => {
    text += part
    return true
  }
  return { stream: { isTTY: true, columns, write } as unknown as NodeJS.WriteStream, written: () => text }
}

test('a line is cut to what fits, without half a colour', () => {
  expect(shorten('short', 10)).toBe('short')
  expect(shorten('\u001b[31mred\u001b[39m', 3)).toBe('\u001b[31mred\u001b[39m')
  expect(shorten('\u001b[31mmuch too long\u001b[39m', 5)).toBe('much…')
})

test('lines go back over as many lines as they wrote, however narrow the terminal', () => {
  const { stream, written } = terminal(10)
  const lines = new LiveLines(stream)
  lines.draw(['a'.repeat(50), 'b'])
  lines.draw(['c'])
  expect(written()).toBe('aaaaaaaa…\u001b[K\nb\u001b[K\n\u001b[J\r\u001b[2Ac\u001b[K\n\u001b[J')
})

test('what is said stands above what lives', () => {
  const { stream, written } = terminal(20)
  const lines = new LiveLines(stream)
  lines.draw(['live'])
  lines.above('said')
  expect(written().endsWith('\r\u001b[1A\u001b[Jsaid\nlive\u001b[K\n\u001b[J')).toBe(true)
})

test('nothing lives where there is no terminal', () => {
  const { stream, written } = terminal(20)
  stream.isTTY = false
  const lines = new LiveLines(stream)
  lines.draw(['live'])
  lines.above('said')
  lines.clear()
  expect(written()).toBe('said\n')
})
