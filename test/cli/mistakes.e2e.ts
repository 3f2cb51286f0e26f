import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commands, tempFolder } from './command.ts'

const home = tempFolder()
const { run } = commands(home)
const folder = join(home, 'folder')
mkdirSync(folder)
const URL = 'http://127.0.0.1:9/x'
const PRICE = ['--price', '1 sat/MiB']

test.each<[string, string[], string]>([
  ['no price', ['sell', folder], '--price'],
  ['no URL', ['get'], 'url'],
  ['an unknown command', ['sel', folder], 'sell'],
  ['an unknown option', ['get', URL, '--macs', '1 sat'], '--macs'],
  ['a bad price', ['sell', folder, '--price', '1 apple'], '1 sat/MiB'],
  ['a bad amount', ['get', URL, '--max', 'much'], '10 sat'],
  ['a bad window', ['get', URL, '--ahead', 'much'], '10 sat'],
  ['a bad credit', ['sell', folder, ...PRICE, '--credit', '-1'], '10 sat'],
  ['a bad port', ['sell', folder, ...PRICE, '--port', '99999'], '65535'],
  ['a bad time', ['sell', folder, ...PRICE, '--grace', '3'], '30s'],
  ['a bad URL', ['get', 'http://127.0.0.1:99999/'], 'not a URL'],
  ['another scheme', ['get', 'ftp://127.0.0.1/'], 'https://'],
  ['a bad header', ['get', URL, '-H', 'nonsense'], 'Name: value'],
  ['a GET with a body', ['get', URL, '-X', 'GET', '-d', 'x'], 'no body'],
  ['a body from no file', ['get', URL, '-d', '@/nonexistent'], '/nonexistent'],
  ['nothing to sell', ['sell', '/nonexistent', ...PRICE], '/nonexistent'],
  ['a certificate without its key', ['sell', folder, ...PRICE, '--cert', 'x'], '--key'],
  ['no such node', ['get', URL, '--node', 'bank'], '--node embedded'],
  ['no such LND', ['get', URL, '--node', 'lnd:/nonexistent'], '/nonexistent'],
  ['no such LND to sell with', ['sell', folder, ...PRICE, '--node', 'lnd:/nonexistent'], '/nonexistent'],
  ['a macaroon for nobody', ['node', 'macaroon', '--node', 'lnd:/nonexistent', '--save', 'x'], '--for'],
  ['a macaroon of no LND', ['node', 'macaroon', '--for', 'buyer', '--save', 'x'], 'has no macaroons'],
  ['a macaroon over a file', ['node', 'macaroon', '--for', 'buyer', '--node', 'lnd', '--save', folder], '--force'],
])('%s is said, with what to do', async (_, args, told) => {
  const { code, stdout, stderr } = await run(...args)
  expect(stderr).toContain(told)
  expect(stderr).toMatch(/^error .*\([a-z-]+\)$/m)
  expect(stderr).toMatch(/^hint {2}\S/m)
  expect(code).toBe(2)
  expect(stdout.length).toBe(0)
})

test('with --json a mistake is one event', async () => {
  const { code, events } = await run('get', URL, '--bogus', '--json')
  expect(code).toBe(2)
  expect(events).toEqual([expect.objectContaining({ event: 'error', code: 'option-invalid', exit: 2 })])
})

test('a seller that does not answer', async () => {
  const { code, error } = await run('price', 'http://127.0.0.1:49151/x', '--json')
  expect(code).toBe(6)
  expect(error).toMatchObject({ code: 'seller-unreachable' })
  const got = await run('get', 'http://127.0.0.1:49151/x', '--json')
  expect(got.code).toBe(6)
  expect(got.last).toEqual({ event: 'end', ok: false, paid: '0' })
})

test('a port that is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  const { code, stderr } = await run('sell', folder, ...PRICE, '--port', `${port}`)
  taken.close()
  expect(code).toBe(2)
  expect(stderr).toContain(`port ${port} of 127.0.0.1 is taken`)
})

test.each(['sell', 'get', 'price', 'statement', 'verify', 'demo'])(
  '%s --help is on stdout, with an example',
  async (verb) => {
    const { code, stdout, stderr } = await run(verb, '--help')
    expect(code).toBe(0)
    expect(stdout.toString()).toContain(`streampay ${verb}`)
    expect(stdout.toString()).toContain('Example')
    expect(stderr).toBe('')
  },
)
