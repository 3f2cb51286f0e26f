import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, fastapiAvailable, startApp } from '../../examples/fastapi/app.ts'
import { amount, commands, expectKept, tempFolder } from '../cli/command.ts'

const available = fastapiAvailable()
const home = tempFolder()
const { start, run, sell } = commands(home)

describe.skipIf(available !== true)(`a FastAPI app${available === true ? '' : ` (skipped: ${available})`}`, () => {
  let app: App
  let url: string
  beforeAll(async () => {
    app = await startApp()
    const sale = await sell(app.url, '1 sat/token', '--credit', '2 sat')
    url = `${sale.url}/v1/chat/completions`
  })
  afterAll(() => app?.close())

  const ask = (body: object) => ['-d', JSON.stringify(body), '-H', 'content-type: application/json']

  test('is sold as it stands: what is paid is the tokens that came', async () => {
    const { code, last } = await run('get', url, ...ask({ max_tokens: 40 }), '--json')
    expect(code).toBe(0)
    expect(last).toMatchObject({ event: 'end', ok: true, unit: 'token', units: 40, delivered: '40000' })
    expect((last.statement as Record<string, string>).delivered).toBe('40000')
    expectKept(last)
    expect(await app.state()).toEqual({ computed: 40, running: 0 })
  })

  test('what it refuses or fails at is free', async () => {
    const down = await run('get', url, ...ask({ model: 'other' }), '--json')
    expect(down.error).toMatchObject({ code: 'seller-failed', status: '503' })
    expect(down.last).toMatchObject({ ok: false, delivered: '0' })
    expect(down.last.returned).toBe(down.last.paid)
  })

  test('a buyer that leaves ends its generator', async () => {
    const getting = start('get', url, ...ask({ max_tokens: 100_000 }), '--json')
    await getting.event('progress', ({ units }) => (units as number) > 0)
    expect((await app.state()).running).toBe(1)
    getting.signal('SIGINT')
    const { last } = await getting.end()
    expectKept(last)
    expect(amount(last.balance)).toBeLessThan(1000n)
    await expect.poll(async () => (await app.state()).running, { timeout: 10_000 }).toBe(0)
  })
})
