import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { amount, commands, expectKept, type Running, tempFolder } from './command.ts'
import { startUpstream } from './upstream.ts'

const home = tempFolder()
const { start, run } = commands(home)
const file = join(home, 'streampay.config.yaml')
let upstream: string
let seller: Running
let url: string

const config = (echoPrice: string) => `listen: { port: 0 }
routes:
  - name: films
    path: /films/**
    folder: ./films
    price: 1 sat/KiB
  - name: echo
    path: /echo
    methods: [POST]
    upstream: ${upstream}
    price: ${echoPrice}
  - { path: /free, upstream: ${upstream}, price: free }
`

beforeAll(async () => {
  mkdirSync(join(home, 'films'))
  writeFileSync(join(home, 'films', 'a.txt'), 'a'.repeat(5000))
  upstream = await startUpstream()
  writeFileSync(file, config('2 sat/request'))
  seller = start('sell', '--config', file, '--json')
  const selling = await seller.event('selling')
  url = selling.url as string
  expect(selling).toMatchObject({
    target: 'streampay.config.yaml',
    routes: [
      { name: 'films', path: '/films/**', price: '1 sat/KiB' },
      { name: 'echo', path: 'POST /echo', price: '2 sat/request' },
      { name: 'free', price: 'free' },
    ],
  })
})

test('each route is sold at its price', async () => {
  const film = await run('get', `${url}/films/a.txt`, '--json')
  expect(film.last).toMatchObject({ ok: true, units: 5000, price: '1 sat/KiB' })
  expectKept(film.last)
  const echo = await run('get', `${url}/echo`, '-d', 'hello', '--json')
  expect(echo.last).toMatchObject({ ok: true, price: '2 sat/request' })
  expect(amount(echo.last.paid)).toBe(2000n)
  expect((await run('get', `${url}/free`, '--json')).last).toEqual({ event: 'end', ok: true, paid: '0' })
})

test('a changed file is followed, also when an editor puts another in its place; a wrong one changes nothing', async () => {
  writeFileSync(file, config('2 sat/reques t'))
  const trouble = await seller.event('trouble')
  expect(trouble).toMatchObject({
    code: 'config-invalid',
    message: expect.stringContaining('streampay.config.yaml:11:5: routes[1].price'),
  })
  expect((await run('price', `${url}/echo`, '-X', 'POST', '--json')).last).toMatchObject({ price: '2 sat/request' })
  writeFileSync(`${file}.new`, config('3 sat/request'))
  renameSync(`${file}.new`, file)
  await seller.event('reloaded')
  expect((await run('price', `${url}/echo`, '-X', 'POST', '--json')).last).toMatchObject({ price: '3 sat/request' })
})

test('what is sold is told to programs, and listed by price --list', async () => {
  const { code, events } = await run('price', `${url}/films/a.txt`, '--list', '--json')
  expect(code).toBe(0)
  expect(events.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /films/{p1}',
    'POST /echo',
    'GET /free',
    'POST /free',
  ])
  expect(events[0]).toMatchObject({ event: 'sold', offers: [{ description: '1 sat/KiB' }] })
  const none = await run('price', upstream, '--list')
  expect([none.code, none.stderr.includes('seller-failed')]).toEqual([6, true])
})

test('--check reads, and sells nothing', async () => {
  const { code, last } = await run('sell', '--config', file, '--check', '--json')
  expect(code).toBe(0)
  expect(last).toMatchObject({
    event: 'checked',
    ok: true,
    routes: [{ name: 'films' }, { name: 'echo' }, { name: 'free' }],
  })
  const wrong = join(home, 'wrong.yaml')
  writeFileSync(wrong, 'routes:\n  - foldr: x\n    price: free\n')
  const refused = await run('sell', '--config', wrong, '--check')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('wrong.yaml:2:5: routes[0].foldr is no member here')
})

test.each([
  [['sell'], 'either a target'],
  [['sell', '.'], 'takes a --price'],
  [['sell', '.', '--config', file], 'either a target'],
  [['sell', '--config', file, '--price', '1 sat/MiB'], 'the prices are in the file'],
])('%j is a mistake', async (args, told) => {
  const { code, stderr } = await run(...args)
  expect(code).toBe(2)
  expect(stderr).toContain(told)
})

test('Ctrl-C ends it with what was sold', async () => {
  seller.signal('SIGINT')
  const { code, last } = await seller.end()
  expect(code).toBe(0)
  expect(last).toMatchObject({ event: 'end', ok: true })
  expect((last.streams as unknown[]).length).toBe(2)
})
