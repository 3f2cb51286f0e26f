import express from 'express'
import { expect, test } from 'vitest'
import { toExpress } from '../../src/seller/adapters/express.ts'
import { adapterSuite, type Mount } from './adapter.suite.ts'
import { listening } from './listening.ts'

const listen = (app: express.Express) => listening(app.listen(0, '127.0.0.1'))

const mount: Mount = (handler, onError) => {
  const app = express()
  app.use('/paid', toExpress(handler, onError))
  app.use(express.json())
  app.get('/free', (_, response) => void response.send('free'))
  return listen(app)
}

adapterSuite('Express', mount)

test('Express: what lies beside the wall is served as ever', async () => {
  const { url, close } = await mount(() => new Response('paid'))
  expect(await (await fetch(`${url}/free`)).text()).toBe('free')
  await close()
})

test('Express: a body that a parser took first is refused, and not sold as an empty one', async () => {
  const app = express()
  const errors: unknown[] = []
  app.use(express.json())
  app.use(
    '/paid',
    toExpress(
      () => new Response('sold'),
      (error) => errors.push(error),
    ),
  )
  const { url, close } = await listen(app)
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${url}/paid`, { method: 'POST', body: '{}', headers })).status).toBe(500)
  expect(errors).toMatchObject([{ code: 'option-invalid' }])
  expect(await (await fetch(`${url}/paid`)).text(), 'without a body there is nothing to read').toBe('sold')
  await close()
})
