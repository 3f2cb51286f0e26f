import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { amount, commands, type Running, tempFolder } from '../cli/command.ts'
import { client } from './client.ts'
import { hasPython, PYTHON } from './python.ts'

const KIB = 1024
const FILM = randomBytes(600 * KIB)
const WORDS = Array.from({ length: 40 }, (_, i) => `word${i} `)
const home = tempFolder()
/** Only ends what would hang: each command starts a process, and some a node. */
const PATIENCE_MS = 180_000
vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS })
const fixture = (name: string) => fileURLToPath(new URL(`../cli/fixtures/${name}`, import.meta.url))
const cert = fixture('loopback.cert.pem')
// The sellers' certificate is one of this machine's own.
const { start, run, sell } = commands(home, { NODE_EXTRA_CA_CERTS: cert }, PATIENCE_MS)
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

/** What the clients of a machine say that they are; one that is not there is not tested, and said so. */
const has = (command: string, ...args: string[]) => spawnSync(command, args).status === 0

let film: string
let model: string
let proxy: Running
let url: string

async function startProxy(...args: string[]): Promise<{ proxy: Running; url: string }> {
  const running = start('proxy', '--json', '--port', '0', ...args)
  const { url: at } = await running.event('listening')
  return { proxy: running, url: at as string }
}

/** A model's server as OpenAI's API has it, which says a word at a time. */
async function startModel(): Promise<string> {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    const chunk = (delta: object, finish: string | null = null) => {
      const choices = [{ index: 0, delta, finish_reason: finish }]
      response.write(
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'small', choices })}\n\n`,
      )
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const content of WORDS) {
      chunk({ content })
      await new Promise(setImmediate)
    }
    chunk({}, 'stop')
    response.end('data: [DONE]\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  writeFileSync(join(home, 'film.bin'), FILM)
  film = (await sell(join(home, 'film.bin'), '1 sat/100KiB')).url
  model = (await sell(await startModel(), '1 sat/10 tokens')).url
  ;({ proxy, url } = await startProxy('--to', model, '--max', '500 sat'))
})

const clients: ReadonlyArray<readonly [string, boolean, (proxyUrl: string) => Promise<string>]> = [
  [
    'curl, at /pay/',
    has('curl', '--version'),
    async (at) => {
      const file = join(home, 'curl.bin')
      await client('curl', ['-sSf', `${at}/pay/${film}`, '-o', file])
      return sha256(readFileSync(file))
    },
  ],
  [
    'curl, by http_proxy',
    has('curl', '--version'),
    async (at) => {
      const file = join(home, 'curl2.bin')
      await client('curl', ['-sSf', '--noproxy', '', film, '-o', file], at)
      return sha256(readFileSync(file))
    },
  ],
  [
    'Python requests, by HTTP_PROXY',
    hasPython('requests'),
    async (at) => JSON.parse(await client(PYTHON, [script('./fetch.py'), 'requests', film], at)).sha256,
  ],
  [
    'Python httpx, by HTTP_PROXY',
    hasPython('httpx'),
    async (at) => JSON.parse(await client(PYTHON, [script('./fetch.py'), 'httpx', film], at)).sha256,
  ],
]

describe('unchanged clients', () => {
  test.for(clients)('%s', async ([, isThere, get], { skip }) => {
    skip(!isThere, 'it is not on this machine')
    expect(await get(url)).toBe(sha256(FILM))
  })

  test('a seller with TLS, and a token in the address of the proxy', async ({ skip }) => {
    skip(!hasPython('requests'), 'it is not on this machine')
    const { url: secure } = await sell(
      join(home, 'film.bin'),
      '1 sat/100KiB',
      '--cert',
      cert,
      '--key',
      fixture('loopback.key.pem'),
    )
    expect(secure).toMatch(/^https:/)
    const response = await fetch(`${url}/pay/${secure}`)
    expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(FILM))
    const token = (await run('proxy', 'callers', 'add', 'reader')).stdout.toString().trim()
    const named = url.replace('//', `//any:${token}@`)
    const got = JSON.parse(await client(PYTHON, [script('./fetch.py'), 'requests', film], named))
    expect(got).toEqual({ status: 200, sha256: sha256(FILM) })
    await proxy.event('request-end', ({ caller, state }) => caller === 'reader' && state === 'done')
  })

  test('a player that goes to and fro in a film', async ({ skip }) => {
    skip(!has('ffmpeg', '-version'), 'no ffmpeg on this machine')
    const file = join(home, 'film.mp4')
    const source = ['-f', 'lavfi', '-i', 'testsrc=duration=4:size=160x90:rate=10', '-c:v', 'mpeg4', '-y', file]
    await client('ffmpeg', ['-v', 'error', ...source])
    const { url: at } = await sell(file, '1 sat/100KiB')
    // The index of this film is at its end: the player asks for parts.
    const frame = join(home, 'frame.png')
    await client('ffmpeg', ['-v', 'error', '-ss', '3', '-i', `${url}/pay/${at}`, '-frames:v', '1', '-y', frame])
    expect(statSync(frame).size).toBeGreaterThan(100)
  })

  test('the openai package of Python, with any key, gets the same text as unpaid, for tokens times price', async ({
    skip,
  }) => {
    skip(!hasPython('openai'), 'no openai package for Python on this machine')
    const said = JSON.parse(await client(PYTHON, [script('./chat.py'), `${url}/v1`, 'any-key']))
    expect(said).toMatchObject({ text: WORDS.join('') })
    expect(said).not.toHaveProperty('error')
    const end = await proxy.event('request-end', ({ url: at }) => `${at}`.endsWith('/v1/chat/completions'))
    expect(end).toMatchObject({ state: 'done', method: 'POST', received: `${WORDS.length * 100}` })
  })

  test('the openai package over its budget raises an error that says what was paid', async ({ skip }) => {
    skip(!hasPython('openai'), 'no openai package for Python on this machine')
    const { stdout } = await run('proxy', 'callers', 'add', 'short', '--max', '2500 msat')
    const said = JSON.parse(await client(PYTHON, [script('./chat.py'), `${url}/v1`, stdout.toString().trim()]))
    expect(said.body).toMatchObject({ code: 'budget-exhausted', limit: 'caller', max: '2500' })
    expect(WORDS.join('').startsWith(said.text)).toBe(true)
    const spent = (await run('proxy', 'callers', 'list', '--json')).events.find(({ name }) => name === 'short')
    expect(amount(spent?.spent)).toBeLessThanOrEqual(2500n)
  })
})

test('the owner finds it by its state file, and the file goes with it', async () => {
  const file = join(home, 'state', 'proxy.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const state = JSON.parse(readFileSync(file, 'utf8'))
  expect(state).toEqual({ url, pid: proxy.child.pid, token: expect.stringMatching(/^spt_[\w-]{43}$/) })
  const second = await startProxy()
  expect((await second.proxy.event('listening')).found).toBe(false)
  second.proxy.signal('SIGTERM')
  expect((await second.proxy.end()).code).toBe(0)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(state)
})

test('a stop closes every agreement, and what was not used comes back', async () => {
  const file = join(home, 'state', 'proxy.json')
  proxy.signal('SIGTERM')
  const { code, events, last } = await proxy.end()
  expect(code).toBe(0)
  expect(last).toMatchObject({ event: 'end', ok: true })
  const closed = events.filter(({ event }) => event === 'closed')
  expect(closed.length).toBeGreaterThan(1)
  for (const one of closed) {
    expect(amount(one.paid) - amount(one.delivered)).toBe(amount(one.returned) + amount(one.balance))
    expect(amount(one.maxAhead)).toBeLessThanOrEqual(amount(one.ahead))
  }
  const agreements = (await run('history', '--json')).events
  expect(agreements.every(({ status }) => status === 'closed')).toBe(true)
  expect(existsSync(file)).toBe(false)
})

describe('a mistake', () => {
  test.for([
    ['--host', '0.0.0.0'],
    ['--host', '0.0.0.0', '--insecure'],
    ['--to', 'ftp://x.example'],
    ['--idle', 'long'],
    ['--max', 'much'],
    ['callers', 'add', 'a b'],
    ['callers', 'add', 'x', '--host', '/'],
    ['callers', 'remove', 'nobody'],
  ])('proxy %j', async (args) => {
    const { code, error } = await run('proxy', ...args, '--json')
    expect(code).toBeGreaterThanOrEqual(2)
    expect(error).toMatchObject({ ok: false, hint: expect.any(String) })
  })
})
