import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSecret, verifyWebhook } from '../../src/gateway/webhooks/signature.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { commands, expectKept, type Running, tempFolder } from '../cli/command.ts'
import { readProm } from './promText.ts'

const home = tempFolder()
const { start, run } = commands(home)
const SECRET = 'a secret that is long enough'
const got: Array<{ type: string; data: Record<string, string> }> = []
let receiver: RunningServer
let seller: Running
let url: string
let dashboard: { url: string; tokenFile: string }
let token: string

beforeAll(async () => {
  receiver = await serve(
    async (request) => {
      const body = await request.text()
      if (!verifyWebhook({ secret: readSecret(SECRET), headers: request.headers, body })) {
        return new Response('', { status: 401 })
      }
      got.push(JSON.parse(body))
      return new Response('')
    },
    { port: 0 },
  )
  mkdirSync(join(home, 'films'))
  writeFileSync(join(home, 'films', 'a.txt'), 'a'.repeat(5000))
  writeFileSync(join(home, 'hook.secret'), SECRET)
  const file = join(home, 'streampay.config.yaml')
  writeFileSync(
    file,
    `listen: { port: 0 }
dashboard: { port: 0 }
webhooks: [{ url: ${receiver.url}, secretFile: ./hook.secret }]
routes:
  - { name: films, path: /films/**, folder: ./films, price: 1 sat/KiB, title: "<b>Films</b>" }
  - { name: both, path: /both/**, folder: ./films, price: { request: 1 sat, output: 1 sat/KiB } }
  - { path: /free/**, folder: ./films, price: free }
`,
  )
  seller = start('sell', '--config', file, '--log', join(home, 'events.log'), '--json')
  url = (await seller.event('selling')).url as string
  dashboard = (await seller.event('dashboard')) as unknown as typeof dashboard
  token = readFileSync(dashboard.tokenFile, 'utf8').trim()
})
afterAll(() => receiver?.close(0))

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${dashboard.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}` } })
const edit = async (route: string, price: string) =>
  (await ask('/api/price', { method: 'POST', body: JSON.stringify({ route, price }) })).json()

test('the token is for the owner of the file alone, and in no event', () => {
  expect(statSync(dashboard.tokenFile).mode & 0o777).toBe(0o600)
  expect(seller.stdout.toString()).not.toContain(token)
})

test('a sale is on the dashboard, in the metrics, in the log and at the webhook', async () => {
  const film = await run('get', `${url}/films/a.txt`, '--json')
  expect(film.last).toMatchObject({ ok: true, units: 5000 })
  expectKept(film.last)
  expect((await run('get', `${url}/free/a.txt`, '--json')).code).toBe(0)
  await expect.poll(async () => (await (await ask('/api/state')).json()).today.earned).toBe('4882')
  const state = await (await ask('/api/state')).json()
  expect(state.routes).toMatchObject([
    { name: 'films', title: '<b>Films</b>', price: '1 sat/KiB', today: { earned: '4882' } },
    { name: 'both', price: 'request 1 sat; output 1 sat/KiB' },
    { name: 'free', price: 'free' },
  ])
  const samples = readProm(await (await ask('/metrics')).text())
  const requests = samples.filter(({ name, labels }) => name === 'stream_requests_total' && labels.status === '2xx')
  expect(requests.map(({ labels, value }) => [labels.route, value])).toEqual([
    ['films', 1],
    ['free', 1],
  ])
  await expect.poll(() => got.map(({ type }) => type)).toEqual(['agreement.opened', 'agreement.closed'])
  expect(got[1]!.data).toMatchObject({ route: 'films', deliveredMsat: '4882' })
  const lines = readFileSync(join(home, 'events.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map(({ event }) => event)).toEqual(expect.arrayContaining(['opened', 'paid', 'request', 'closed']))
  expect(statSync(join(home, 'events.log')).mode & 0o777).toBe(0o600)
})

test('a price that is edited is the next offer’s, a tariff too', async () => {
  expect(await edit('films', '2 sat/KiB')).toMatchObject({ was: '1 sat/KiB', now: '2 sat/KiB' })
  expect((await run('price', `${url}/films/a.txt`, '--json')).last).toMatchObject({ price: '2 sat/KiB' })
  const tariff = 'request 2 sat; output 3 sat/KiB; minimum 5 sat'
  expect(await edit('both', tariff)).toMatchObject({ now: tariff })
  expect((await run('price', `${url}/both/a.txt`, '--json')).code).toBe(0)
  expect(await edit('free', '1 sat/KiB')).toMatchObject({ code: 'option-invalid' })
})

test('Ctrl-C ends it whole', async () => {
  seller.signal('SIGINT')
  expect((await seller.end()).code).toBe(0)
})
