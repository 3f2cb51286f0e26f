import fastify from 'fastify'
import { expect, test } from 'vitest'
import { toFastify } from '../../src/seller/adapters/fastify.ts'
import { adapterSuite, type Mount } from './adapter.suite.ts'

const mount: Mount = async (handler, onError) => {
  const app = fastify({ forceCloseConnections: true })
  app.register(toFastify(handler, onError), { prefix: '/paid' })
  app.post('/free', (request) => ({ got: request.body }))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, close: () => app.close() }
}

adapterSuite('Fastify', mount)

test('Fastify: bodies of other routes are parsed as ever', async () => {
  const { url, close } = await mount(() => new Response('paid'))
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/free`, { method: 'POST', body: '{"a":1}', headers })
  expect(await answer.json()).toEqual({ got: { a: 1 } })
  expect(await (await fetch(`${url}/paid`)).text()).toBe('paid')
  await close()
})
