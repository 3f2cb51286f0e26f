import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { amount, commands, type Running, tempFolder } from '../cli/command.ts'
import { client } from './client.ts'
import { hasPython, PYTHON } from './python.ts'

/** Only ends what would hang. */
const PATIENCE_MS = 180_000
vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS })
const FILM = randomBytes(40 << 10)
const WORDS = Array.from({ length: 40 }, (_, i) => `word${i}`)
const home = tempFolder()
const { start, run } = commands(home, {}, PATIENCE_MS)
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

/** A film, and words: the latter wait in the middle of `held` until they may go on. */
let goOn = Promise.withResolvers<void>()
async function startService(): Promise<string> {
  const server = createServer(async ({ url }, response) => {
    if (url?.endsWith('/film')) return void response.end(FILM)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const [i, word] of WORDS.entries()) {
      if (url?.endsWith('/held') && i === WORDS.length / 2) await goOn.promise
      response.write(`data: ${word}\n\n`)
    }
    response.end('data: [DONE]\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => {
    goOn.resolve()
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

let shop: string
beforeAll(async () => {
  const upstream = await startService()
  const route = (scheme: string, price: string) => ({
    ...{ name: scheme, path: `/${scheme}/**`, upstream, price, schemes: [scheme] },
  })
  const routes = [
    route('l402', '1 sat/10KiB'),
    { ...route('charge', '1 sat/10KiB'), allowance: '5 sat' },
    route('session', '1 sat/token'),
  ]
  const config = join(home, 'shop.json')
  writeFileSync(config, JSON.stringify({ routes }))
  const selling = await start('sell', '--config', config, '--json', '--port', '0').event('selling')
  shop = selling.url as string
})

async function startProxy(...args: string[]): Promise<{ proxy: Running; url: string }> {
  const proxy = start('proxy', '--json', '--port', '0', ...args)
  const { url } = await proxy.event('listening')
  return { proxy, url: url as string }
}

const history = async () => (await run('history', '--json')).events
const payments = async () => (await run('history', '--payments', '--json')).events
const fetchPy = fileURLToPath(new URL('./fetch.py', import.meta.url))
const words = (text: string) => [...text.matchAll(/data: (word\d+)/g)].map(([, word]) => word)

describe('unchanged clients, where one other scheme is known at a time', () => {
  let proxy: Running
  let url: string
  beforeAll(async () => {
    ;({ proxy, url } = await startProxy('--max', '500 sat'))
  })

  test('curl', async ({ skip }) => {
    skip(spawnSync('curl', ['--version']).status !== 0, 'no curl on this machine')
    for (const scheme of ['l402', 'charge'] as const) {
      const file = join(home, 'got.bin')
      await client('curl', ['-sSf', `${url}/pay/${shop}/${scheme}/film`, '-o', file])
      expect(sha256(readFileSync(file))).toBe(sha256(FILM))
    }
    const events = await client('curl', ['-sSfN', '--compressed', `${url}/pay/${shop}/session/words`])
    expect(words(events)).toEqual(WORDS)
    expect(events).not.toContain('payment-')
    expect(events).toContain('[DONE]')
  })

  test.for(['requests', 'httpx'])('%s of Python, by HTTP_PROXY', async (library, { skip }) => {
    skip(!hasPython(library), 'it is not on this machine')
    for (const scheme of ['l402', 'charge'] as const) {
      const got = JSON.parse(await client(PYTHON, [fetchPy, library, `${shop}/${scheme}/film`], url))
      expect(got).toEqual({ status: 200, sha256: sha256(FILM) })
    }
  })

  test('a session is closed by hand, and what a place asks is told, through the local API', async () => {
    const answer = await fetch(`${url}/pay/${shop}/session/words`)
    expect(words(await answer.text())).toEqual(WORDS)
    const { token } = JSON.parse(readFileSync(join(home, 'state', 'proxy.json'), 'utf8'))
    const ask = async (path: string, body?: object) => {
      const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
      const init = { method: 'POST', headers, ...(body && { body: JSON.stringify(body) }) }
      return (await fetch(`${url}/.streampay/v1${path}`, init)).json()
    }
    const closing = `/agreements/${answer.headers.get('streampay-agreement')}/close`
    const closed = await ask(closing)
    expect(closed).toMatchObject({ state: 'closed', returned: expect.stringMatching(/settled|nothing/) })
    expect(await ask(closing), 'asked again').toEqual(closed)
    expect(await ask('/offers', { url: `${shop}/l402/film` })).toMatchObject({
      offers: [{ scheme: 'l402', ahead: '20000', risk: expect.any(String) }],
    })
  })

  test('what each paid is told, sessions are closed at the end, and the token stays for the next run', async () => {
    const held = await fetch(`${url}/pay/${shop}/session/words`)
    expect(words(await held.text())).toEqual(WORDS)
    proxy.signal('SIGTERM')
    const { code, events, last } = await proxy.end()
    expect(code).toBe(0)
    expect(last).toMatchObject({ event: 'end', ok: true })
    const prepaid = events.filter(({ event }) => event === 'prepaid')
    const session = prepaid.filter(({ scheme }) => scheme === 'session').at(-1)
    expect(session).toMatchObject({ state: 'closed', caller: 'anyone' })
    expect(amount(session!.paid) - amount(session!.returned)).toBe(
      BigInt(WORDS.length) * 1000n * BigInt(session!.uses as number),
    )
    const all = await history()
    expect(all.filter(({ status }) => status === 'open').map(({ scheme }) => scheme)).toEqual(['l402'])
    expect(all.filter(({ scheme }) => scheme === 'l402')).toHaveLength(1)
    const hashes = (await payments()).map(({ paymentHash }) => paymentHash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

test('killed in mid-session, and when it has just paid for a token: started again nothing is paid twice, and nothing lost', async () => {
  goOn = Promise.withResolvers<void>()
  const { stdout } = await run('proxy', 'callers', 'add', 'reader')
  const reader = { headers: { 'streampay-token': stdout.toString().trim() } }
  const first = await startProxy()
  const response = await fetch(`${first.url}/pay/${shop}/session/held`)
  const body = response.body!.getReader()
  expect(words(Buffer.from((await body.read()).value!).toString())).not.toEqual([])
  const cut = fetch(`${first.url}/pay/${shop}/l402/film`, reader).then((answer) => answer.arrayBuffer())
  cut.catch(() => {})
  await first.proxy.event('prepaid', ({ caller }) => caller === 'reader')
  first.proxy.signal('SIGKILL')
  await first.proxy.end()
  goOn.resolve()
  const rest = async () => {
    while (!(await body.read()).done);
  }
  await expect(rest(), 'what is cut never looks whole').rejects.toThrow()
  await cut.catch(() => {})

  const named = commands(home, { STREAMPAY_SCHEMES: 'session,l402' }, PATIENCE_MS)
  const proxy = named.start('proxy', '--json', '--port', '0')
  const { url } = await proxy.event('listening')
  expect(await proxy.event('recovered')).toMatchObject({ open: 0, closed: 1, left: 0 })
  const got = await fetch(`${url}/pay/${shop}/l402/film`, reader)
  expect(sha256(Buffer.from(await got.arrayBuffer()))).toBe(sha256(FILM))
  const again = await fetch(`${url}/pay/${shop}/session/held`)
  expect(words(await again.text())).toEqual(WORDS)
  const left = await fetch(`${url}/pay/${shop}/charge/film`)
  expect(left.status, 'charge is none of the schemes here').toBe(402)
  expect(left.headers.get('www-authenticate')).toContain('intent="charge"')
  proxy.signal('SIGTERM')
  expect((await proxy.end()).code).toBe(0)

  const all = await history()
  const session = all.find(({ agreement }) => agreement === response.headers.get('streampay-agreement'))
  expect(session).toMatchObject({ scheme: 'session', status: 'closed' })
  expect(amount(session!.amount) - amount(session!.returned)).toBeLessThanOrEqual(BigInt(WORDS.length) * 1000n)
  const token = all.find(({ agreement }) => agreement === got.headers.get('streampay-agreement'))
  expect(token).toMatchObject({ scheme: 'l402', payments: '1', amount: '20000' })
  const made = await payments()
  expect(new Set(made.map(({ paymentHash }) => paymentHash)).size).toBe(made.length)
  const { events } = await run('proxy', 'callers', 'list', '--json')
  expect(events.find(({ name }) => name === 'reader')).toMatchObject({ spent: '20000' })
})

test('options are read, by flag and by the environment', async () => {
  expect((await run('proxy', '--schemes', 'cash', '--json')).error).toMatchObject({ code: 'option-invalid' })
  const named = commands(home, { STREAMPAY_MAX_RISK: 'much' }, PATIENCE_MS)
  expect((await named.run('proxy', '--json')).error).toMatchObject({ code: 'amount-invalid' })
})
