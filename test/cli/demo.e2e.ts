import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectKept, Running, sleep, tempFolder } from './command.ts'

const home = tempFolder()

/** A demo with a folder of its own for what is temporary. */
function startDemo(name: string): { demo: Running; left: () => string[] } {
  const temp = join(home, name)
  mkdirSync(temp)
  const demo = new Running(['demo', '--json'], { TMPDIR: temp })
  const left = () => readdirSync(temp).filter((entry) => entry.startsWith('streampay-'))
  return { demo, left }
}

test('the demo sells two streams, halts them, and ends with one line', async () => {
  const { demo, left } = startDemo('whole')
  const { code, stdout, last } = await demo.end()
  expect(code).toBe(0)
  expect(stdout.toString().trim().split('\n')).toHaveLength(1)
  expect(last).toMatchObject({ ok: true, nodes: 'embedded', network: 'regtest' })
  const streams = last.streams as Array<Record<string, unknown>>
  expect(streams.map(({ unit }) => unit)).toEqual(['byte', 'second'])
  for (const stream of streams) {
    expectKept(stream)
    expect(stream.halted).toBeGreaterThan(0)
  }
  expect(left()).toEqual([])
})

test.each(['beginning', 'middle'])('Ctrl-C at its %s leaves nothing', async (when) => {
  const { demo, left } = startDemo(when)
  while (left().length === 0) await sleep(20)
  while (when === 'middle' && !demo.stderr.includes('selling')) await sleep(20)
  demo.signal('SIGINT')
  const { code, last } = await demo.end()
  expect(code).toBe(130)
  expect(last).toMatchObject({ ok: false, exit: 130 })
  expect(left()).toEqual([])
})
