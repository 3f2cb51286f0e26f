import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commands, tempFolder } from './command.ts'

const home = tempFolder()
const folder = join(home, 'folder')
mkdirSync(folder)
writeFileSync(join(folder, 'a.txt'), 'a'.repeat(1024))

test('a token is good for a seller that starts again after its secret was put aside', async () => {
  const { start, run } = commands(home)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/a.txt`
  const selling = async () => {
    const priced = ['--price', '1 sat/KiB', '--schemes', 'l402', '--allowance', '5 sat']
    const seller = start('sell', folder, ...priced, '--port', `${port}`, '--json')
    await seller.event('selling')
    return async () => {
      seller.signal('SIGTERM')
      expect((await seller.end()).code).toBe(0)
    }
  }
  const get = async () => {
    const { code, events, stderr } = await run('get', url, '--json')
    expect(code, stderr).toBe(0)
    return events.find(({ event }) => event === 'prepaid')!
  }

  const stopFirst = await selling()
  const bought = await get()
  expect(bought).toMatchObject({ scheme: 'l402', paid: '5000', paymentHash: expect.any(String) })
  await stopFirst()

  const [name] = readdirSync(join(home, 'state', 'seller'))
  const own = join(home, 'state', 'seller', name!)
  const secret = join(own, 'secret')
  renameSync(secret, `${secret}.earlier`)
  const stopSecond = await selling()
  expect((await get()).paymentHash, 'the same token').toBe(bought.paymentHash)
  await stopSecond()
  expect(statSync(secret).mode & 0o777).toBe(0o600)
  const kept = readdirSync(own).filter((file) => file.startsWith('secret.'))
  expect(kept).toEqual([expect.stringMatching(/^secret\.earlier-\d{10}$/)])
}, 240_000)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  const { port } = server.address() as { port: number }
  await new Promise((closed) => server.close(closed))
  return port
}
