import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkConfig, parseConfig, readConfigFile } from './read.ts'

const folder = mkdtempSync(join(tmpdir(), 'streampay-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const mistake = (text: string): string => {
  try {
    parseConfig(text, 'c.yaml')
  } catch (error) {
    expect(error).toMatchObject({ code: 'config-invalid' })
    return (error as Error).message
  }
  return expect.unreachable()
}
const route = (lines: string) => `routes:\n  - folder: ./films\n    price: 1 sat/MiB\n${lines}`

const split = (parts: string) =>
  `recipients: { ann: { node: lnd:/a }, dan: { node: lnd:/d } }\n${route(`    split: ${parts}`)}`
const haggle = (members: string) => route(`    negotiate: { ${members} }`)
const film = (qualities: string) => `routes:\n  - video: film.mp4\n    price: 2 sat/s\n    qualities: ${qualities}`

describe('mistakes are told by line, with the choices', () => {
  test.each([
    [route('    prise: 2'), 'c.yaml:4:5: routes[0].prise is no member here; there are name, path, methods, model'],
    ['routes:\n  - folder: x\n    price: 1 sat per', 'c.yaml:3:5: routes[0].price "1 sat per" is not a price such as'],
    ['routes:\n  - folder: x\n    price: 5', 'c.yaml:3:5: routes[0].price must be a price such as "1 sat/MiB"'],
    [
      'routes:\n  - upstream: http://x\n    price: { outputs: 1 sat/token }',
      'c.yaml:3:14: routes[0].price.outputs is no member here; there are input, output',
    ],
    [
      'routes:\n  - upstream: http://x\n    price:\n      input: lots',
      'c.yaml:4:7: routes[0].price.input "lots" is not a price',
    ],
    [route('    methods: [GET, FETCH]'), 'c.yaml:4:20: routes[0].methods[1] must be one of GET, HEAD, POST'],
    [route('    path: films'), 'c.yaml:4:5: routes[0].path "films" is not a path such as'],
    [route('    upstream: http://x'), 'c.yaml:2:5: routes[0].folder sells one thing: either upstream or folder'],
    ['routes:\n  - price: free', 'c.yaml:2:5: routes[0] sells nothing: give it one of upstream, folder, file, video'],
    [route('    free: 3 a day'), 'c.yaml:4:5: routes[0].free "3 a day" is not an allowance such as "3 requests/day"'],
    [route('    name: Films!'), 'c.yaml:4:5: routes[0].name must be a name of a-z'],
    [route('    upstreamHeaders: { x: y }'), 'c.yaml:4:5: routes[0].upstreamHeaders is for an upstream'],
    [haggle('flor: 70%'), 'c.yaml:4:18: routes[0].negotiate.flor is no member here; there are floor, rounds, volume'],
    [
      haggle('rounds: 4'),
      'c.yaml:4:5: routes[0].negotiate.floor must be a price such as "700 msat/1k tokens", or a part',
    ],
    [haggle('floor: 170%'), 'c.yaml:4:18: routes[0].negotiate.floor "170%" is not a price such as'],
    [
      haggle('floor: 1 sat/s'),
      'c.yaml:4:18: routes[0].negotiate.floor "1 sat/s" cannot be compared to a price per byte',
    ],
    [haggle('floor: 70%, rounds: 17'), 'c.yaml:4:30: routes[0].negotiate.rounds must be a whole number from 1 to 16'],
    [
      haggle('floor: 70%, load: { streams: 0, price: 80% }'),
      'c.yaml:4:38: routes[0].negotiate.load.streams must be a whole number from 1 to 100000',
    ],
    [
      haggle('floor: 70%, hours: [{ from: "22:00", to: "24:00", price: 50% }]'),
      'c.yaml:4:55: routes[0].negotiate.hours[0].to "24:00" is not a time of the day such as 22:30',
    ],
    [
      haggle('floor: 70%, hours: [{ from: "22:00", to: "06:00", zone: Mars, price: 50% }]'),
      'c.yaml:4:68: routes[0].negotiate.hours[0].zone "Mars" is not a time zone',
    ],
    [
      haggle('floor: 70%, volume: [{ from: 100, price: 50% }]'),
      'c.yaml:4:41: routes[0].negotiate.volume[0].from must be an amount such as "10 sat"',
    ],
    [haggle('floor: 70%, policy: half'), 'c.yaml:4:30: routes[0].negotiate.policy must be a function'],
    [
      'routes:\n  - folder: x\n    price: { output: 1 sat/MiB }\n    negotiate: { floor: 1 msat/MiB }',
      'c.yaml:4:18: routes[0].negotiate.floor "1 msat/MiB" cannot be compared to what is asked in another currency or for several things',
    ],
    [
      'routes:\n  - folder: x\n    price: free\n    negotiate: { floor: 50% }',
      'c.yaml:4:5: routes[0].negotiate is about a price, and this route is free',
    ],
    [route('    split: { a: 10%, b: 80% }'), 'c.yaml:4:5: routes[0].split must add up to 100%, and is 90%'],
    [route('    split: { a: 10%, b: 90% }'), 'c.yaml:4:5: routes[0].split needs "recipients": their names'],
    [split('{ bob: 10%, eve: 90% }'), 'c.yaml:5:5: routes[0].split has none of the recipients: ann, dan'],
    [
      split('{ ann: 10%, bob: 40%, eve: 50% }'),
      'c.yaml:5:24: routes[0].split.bob is no recipient, and only one name may',
    ],
    [split('{ ann: 10%, bob: 40%, eve: 50% }'), 'c.yaml:5:34: routes[0].split.eve is no recipient'],
    [
      `recipients: { ann: { node: lnd:/a }, creator: { node: lnd:/d } }\n${route('    split: { ann: 10%, creater: 90% }')}`,
      'c.yaml:5:24: routes[0].split.creater is no recipient, but nearly creator',
    ],
    [split('{ ann: ten, bob: 90% }'), 'c.yaml:5:14: routes[0].split.ann "ten" is not a part such as 10%'],
    [split('{ ann: 33.3%, dan: 66.7001% }'), 'c.yaml:5:26: routes[0].split.dan "66.7001%" is not a part'],
    [split('{ "a b": 10%, dan: 90% }'), 'c.yaml:5:14: routes[0].split.a b is no name of a-z'],
    [
      split('{ ann: 10%, me: 90% }\nnode: lnd:/a'),
      'c.yaml:1:22: recipients.ann.node is the node that earns: leave ann out',
    ],
    [
      split('{ ann: 10%, me: 90% }').replace('1 sat/MiB', 'free'),
      'c.yaml:5:5: routes[0].split is of what a route earns, and this one is free',
    ],
    [
      `recipients: { ann: { node: lnd, wait: 1s } }\n${route('')}`,
      'recipients.ann.wait is no member here; there are node',
    ],
    [route('    qualities: 480p'), 'c.yaml:4:5: routes[0].qualities is for a video, and this route has none'],
    [film('481p'), 'c.yaml:4:5: routes[0].qualities "481p" is not a list of even heights, some with a price'],
    [film('480p=1 sat/MiB'), 'routes[0].qualities "480p=1 sat/MiB" is not a list'],
    [film('480p,480p=1 sat/s'), 'routes[0].qualities "480p,480p=1 sat/s" is not a list'],
    [film('480p=0.01 USD/s'), 'c.yaml:4:5: routes[0].qualities is in USD, and rates has no USD'],
    [film('480p=1 sat/s').replace('2 sat/s', 'free'), 'routes[0].qualities has prices, and the route is free'],
    ['routes:\n  - { folder: x, price: 0.01 USD/MiB }', 'c.yaml:2:18: routes[0].price is in USD, and rates has no USD'],
    [`listen:\n  port: 99999\n${route('')}`, 'c.yaml:2:3: listen.port must be a port, a number from 0 to 65535'],
    [`rates:\n  USD: {}\n${route('')}`, 'c.yaml:2:3: rates.USD comes from one of value, file, url, or read'],
    ['routes: []', 'c.yaml:1:1: routes must have at least one route'],
    ['routes: films', 'c.yaml:1:1: routes must be a list of routes'],
    ['[]', 'c.yaml:1:1: must be an object with some of listen, node'],
    ['a: [1,\nb: 2', 'c.yaml:2:'],
    [
      'routes:\n  - {folder: a, price: free, name: n}\n  - {folder: a, price: free, name: n}',
      `c.yaml:3:30: routes[1].name "n" is another route's name`,
    ],
  ])('%j', (text, told) => {
    expect(mistake(text)).toContain(told)
  })

  test('several at once, each in a line', () => {
    expect(mistake('listen: { port: x }\nroutes:\n  - { folder: a, price: b }').split('\n')).toHaveLength(2)
  })
})

test('what is left out has its default', () => {
  const { listen, routes, webhooks } = parseConfig(route('    grace: 2s\n    free: 3 requests/day'), 'c')
  expect(listen).toEqual({ host: '127.0.0.1', port: 2402, insecure: false, trustProxy: 0 })
  expect(routes).toEqual([
    { path: '/**', folder: './films', price: '1 sat/MiB', grace: 2000, free: { requests: 3, perMs: 86_400_000 } },
  ])
  expect(webhooks).toEqual([])
})

test('files are read by their ending, and what they name lies beside them', async () => {
  const config = { routes: [{ folder: 'films', price: 'free' }] }
  writeFileSync(join(folder, 'c.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'c.yml'), 'routes: [{ folder: films, price: free }]')
  writeFileSync(join(folder, 'c.mjs'), `export default ${JSON.stringify(config)}`)
  for (const name of ['c.json', 'c.yml', 'c.mjs']) {
    expect((await readConfigFile(join(folder, name))).routes[0]?.folder).toBe(join(folder, 'films'))
  }
  writeFileSync(join(folder, 'bad.mjs'), 'export default { routes: [{ folder: 1, price: "free" }] }')
  await expect(readConfigFile(join(folder, 'bad.mjs'))).rejects.toThrow('bad.mjs: routes[0].folder must be a text')
  await expect(readConfigFile(join(folder, 'c.toml'))).rejects.toThrow('ends in .yaml, .yml, .json, .mjs')
  await expect(readConfigFile(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'config-invalid' })
})

test('aliases that grow without end are refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`)
    .join('\n')}`
  expect(mistake(bomb)).toContain('c.yaml')
})

test('a program may write one too', () => {
  expect(() => checkConfig({ routes: [{ folder: 'x' }] })).toThrow('routes[0].price must be a price')
})
