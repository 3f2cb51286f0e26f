import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commands, expectKept, tempFolder } from './command.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
/** For localhost and 127.0.0.1, signed by itself, of no use for anything else. */
const cert = fixture('loopback.cert.pem')
const key = fixture('loopback.key.pem')

const home = tempFolder()
const folder = join(home, 'folder')
mkdirSync(folder)
writeFileSync(join(folder, 'a.txt'), 'a'.repeat(5000))

test('with a certificate it sells over https', async () => {
  const { run, sell } = commands(home, { NODE_EXTRA_CA_CERTS: cert })
  const { seller, url } = await sell(folder, '1 sat/KiB', '--cert', cert, '--key', key)
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  const { code, last } = await run('get', `${url}/a.txt`, '--json')
  expect(code).toBe(0)
  expectKept(last)
  seller.signal('SIGTERM')
  expect((await seller.end()).code).toBe(0)
})

test('what is no certificate is said before anything starts', async () => {
  const { run } = commands(home)
  const { code, stderr } = await run('sell', folder, '--price', '1 sat/KiB', '--cert', key, '--key', cert)
  expect(code).toBe(2)
  expect(stderr).toContain('no certificate and its key')
})

test('plain http to other machines is refused before anything starts, and has to be allowed', async () => {
  const { run, sell } = commands(home)
  for (const host of ['0.0.0.0', '::', '']) {
    const { code, error } = await run('sell', folder, '--price', '1 sat/KiB', '--host', host, '--json')
    expect(code).toBe(3)
    expect(error).toMatchObject({ code: 'transport-insecure', hint: expect.stringContaining('--insecure') })
  }
  const { seller } = await sell(folder, '1 sat/KiB', '--host', '0.0.0.0', '--cert', cert, '--key', key)
  await seller.kill()
})

test('plain http to another machine: the seller warns, and the buyer pays only when told to', async () => {
  const { run, sell } = commands(home)
  const { seller, url } = await sell(folder, '1 sat/KiB', '--host', '0.0.0.0', '--insecure')
  expect(await seller.event('warning')).toMatchObject({ code: 'transport-insecure' })
  const refused = await run('get', `${url}/a.txt`, '--json')
  expect(refused.code).toBe(3)
  expect(refused.error).toMatchObject({ code: 'transport-insecure', hint: expect.stringContaining('--insecure') })
  expect(refused.last).toEqual({ event: 'end', ok: false, paid: '0' })
  const allowed = await run('get', `${url}/a.txt`, '--json', '--insecure')
  expect(allowed.code).toBe(0)
  await seller.kill()
})

test('a redirect to another host is told, and followed with --location', async () => {
  const { run, sell } = commands(home)
  const { seller, url } = await sell(folder, '1 sat/KiB')
  const front = createServer((_, answer) => answer.writeHead(302, { location: `${url}/a.txt` }).end())
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done))
  const elsewhere = `http://127.0.0.1:${(front.address() as AddressInfo).port}/`
  const refused = await run('get', elsewhere, '--json')
  expect(refused.code).toBe(3)
  expect(refused.error).toMatchObject({ code: 'redirect-refused', location: `${url}/a.txt` })
  expect((await run('price', elsewhere, '--json', '-L')).last).toMatchObject({ event: 'price', price: '1 sat/KiB' })
  const followed = await run('get', elsewhere, '--json', '--location')
  expect(followed.code).toBe(0)
  expect(followed.last).toMatchObject({ units: 5000 })
  front.close()
  await seller.kill()
})
