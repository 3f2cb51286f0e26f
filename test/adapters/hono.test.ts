import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { toFetch } from '../../src/seller/adapters/fetch.ts'
import { toHono } from '../../src/seller/adapters/hono.ts'
import { adapterSuite, type Mount } from './adapter.suite.ts'
import { listening } from './listening.ts'

type Fetch = Parameters<typeof createAdaptorServer>[0]['fetch']

const listen = (fetch: Fetch) => listening((createAdaptorServer({ fetch }) as Server).listen(0, '127.0.0.1'))

const inHono: Mount = (handler, onError) => {
  const app = new Hono()
  app.all('/paid/*', toHono(handler, onError))
  app.get('/free', (context) => context.text('free'))
  return listen(app.fetch)
}

/** A server that calls a function with the request and what it knows of it, as Workers, Deno and Next's route handlers are called. */
const plain: Mount = (handler, onError) => {
  type Env = { incoming: { socket: { remoteAddress?: string } } }
  return listen(toFetch(handler, (_: Request, env: unknown) => (env as Env).incoming.socket.remoteAddress, onError))
}

adapterSuite('Hono', inHono)
adapterSuite('a plain fetch-style server', plain)

test('Hono: what lies beside the wall is served as ever', async () => {
  const { url, close } = await inHono(() => new Response('paid'))
  expect(await (await fetch(`${url}/free`)).text()).toBe('free')
  await close()
})

test('a fetch-style handler needs no server at all', async () => {
  const handler = toFetch(() => new Response('hello'))
  expect(await (await handler(new Request('http://localhost/x'))).text()).toBe('hello')
})
