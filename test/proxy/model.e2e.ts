import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ModelServer, startModelServer } from '../../examples/model/server.ts'
import { modelAvailable } from '../../examples/model/setup.ts'
import { FETCH_MS } from '../../examples/model/testing/loaded.ts'
import { amount, commands, tempFolder } from '../cli/command.ts'
import { hasPython, PYTHON } from './python.ts'

const hasOpenai = hasPython('openai')
const available = modelAvailable() === true ? hasOpenai || 'no openai package for Python' : modelAvailable()
const SCRIPT = fileURLToPath(new URL('./chat.py', import.meta.url))
const ASKED = {
  model: 'smollm2-135m-instruct',
  messages: [{ role: 'user', content: 'What is rain?' }],
  max_tokens: 60,
  temperature: 0,
  seed: 1,
}

describe.skipIf(available !== true)(`a real model${available === true ? '' : ` (skipped: ${available})`}`, () => {
  const { start, sell } = commands(tempFolder())
  let model: ModelServer
  beforeAll(async () => {
    model = await startModelServer({ port: 0 })
  }, FETCH_MS)
  afterAll(() => model?.close())

  const ask = async (base: string) => {
    const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, `${base}/v1`, 'any', JSON.stringify(ASKED)])
    return JSON.parse(stdout) as { readonly text: string; readonly tokens: number }
  }

  test('sold by the token: Python’s openai reads the same through the proxy as unpaid, for tokens times price', async () => {
    const unpaid = await ask(model.url)
    expect(unpaid.text.length).toBeGreaterThan(40)
    const { url: seller } = await sell(model.url, '1 sat/token', '--credit', '2 sat')
    const proxy = start('proxy', '--json', '--port', '0', '--to', seller)
    const { url } = await proxy.event('listening')
    const paid = await ask(url as string)
    expect(paid.text).toBe(unpaid.text)
    proxy.signal('SIGTERM')
    const { code, events } = await proxy.end()
    expect(code).toBe(0)
    const closed = events.find(({ event }) => event === 'closed')
    expect(closed).not.toHaveProperty('dispute')
    expect(amount(closed?.delivered)).toBe(1000n * BigInt(paid.tokens))
    expect(amount(closed?.paid)).toBe(amount(closed?.delivered) + amount(closed?.returned) + amount(closed?.balance))
  })
})
