import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openMarket, Source } from './market.ts'

const SOURCES = path.join(import.meta.dirname, '..', '..', 'src')
const from = (file: string) => JSON.stringify(path.join(SOURCES, file))

/** Runs a program until it ends by itself: nothing ends it from outside but the test's own limit. */
async function run(code: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const [exitCode] = await once(child, 'close')
  expect(exitCode).toBe(0)
  return said
}

const START = `
  import { createBuyer } from ${from('buyer/buyer.ts')}
  import { scriptedPair } from ${from('lightning/testing/scripted.ts')}
  const { buyer: node } = scriptedPair()
  const controller = new AbortController()
  const { signal } = controller
`

test('a program ends by itself once its request is called off, though its seller never answers', async () => {
  const held = createServer(() => {})
  held.listen(0, '127.0.0.1')
  await once(held, 'listening')
  const url = `http://127.0.0.1:${(held.address() as AddressInfo).port}/`
  const said = await run(`${START}
    const buyer = createBuyer({ node })
    const asked = buyer.fetch(${JSON.stringify(url)}, { signal }).catch((error) => console.log(error === signal.reason))
    setTimeout(() => controller.abort(), 50)
    await asked
  `)
  expect(said).toBe('true\n')
  held.closeAllConnections()
  held.close()
})

test('and once a body that it does not read is called off, without closing anything', async () => {
  const source = new Source(1000 * 1024)
  const market = await openMarket({ price: '1 msat/MiB', credit: '10 sat', handler: () => new Response(source.body) })
  const said = await run(`${START}
    const buyer = createBuyer({ node })
    const response = await buyer.fetch(${JSON.stringify(market.url)}, { signal })
    const reader = response.body.getReader()
    await reader.read()
    controller.abort()
    console.log(await reader.read().catch((error) => error === signal.reason))
  `)
  expect(said).toBe('true\n')
})
