import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { serve } from '../../seller/adapters/node.ts'
import type { Watched, WatchedEvent } from '../watched.ts'
import { WebhookQueue } from './queue.ts'
import { readSecret, verifyWebhook } from './signature.ts'
import { startWebhooks } from './webhooks.ts'

const secret = readSecret('a secret that is long enough')
const pace = { firstDelayMs: 10, longestDelayMs: 40, lifeMs: 60_000, timeoutMs: 2000 }
const open: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const end of open.splice(0).reverse()) await end()
})

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-'))
  open.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function source(): Watched & { tell(event: WatchedEvent): void } {
  const listeners = new Set<(event: WatchedEvent) => void>()
  return {
    routes: [],
    recipients: [],
    setPrice: () => {},
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tell: (event) => {
      for (const listener of listeners) listener(event)
    },
  }
}

interface Got {
  readonly id: string
  readonly verified: boolean
  readonly body: { readonly type: string; readonly data: Record<string, unknown> }
}

async function receiver(answer: (count: number) => Response): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = []
  const server = await serve(
    async (request) => {
      const body = await request.text()
      const { headers } = request
      got.push({
        id: headers.get('webhook-id')!,
        verified: verifyWebhook({ secret, headers, body }),
        body: JSON.parse(body),
      })
      return answer(got.length)
    },
    { port: 0 },
  )
  open.push(() => server.close(0))
  return { url: server.url, got }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Events of other types need an account; what is told of them is tried on real ones in test/dashboard. */
const failed = (message: string) =>
  ({ type: 'return-failed', error: new StreamError('internal', message), ...claim }) as unknown as WatchedEvent
const account = {
  agreement: { id: 'a1', scope: 'chat', price: { unit: 'token' } },
  gate: { paid: 5n, delivered: 4n, deliveredSteps: 4n },
  payments: 1,
  returned: 0n,
}
const claim = {
  account,
  atMs: 1_700_000_000_000,
  claim: { amount: 2000n, paymentHash: 'aa', attempts: 3, fee: 0n, failure: 'no-route' },
}

test('a webhook is signed, and sent again with the same id until it is taken', async () => {
  const { url, got } = await receiver((count) => new Response('', { status: count < 4 ? 503 : 200 }))
  const gateway = source()
  const hooks = startWebhooks({ gateway, home: home(), pace, webhooks: [{ url, secret, events: ['return-failed'] }] })
  open.push(() => hooks.close())
  gateway.tell(failed('x'))
  gateway.tell({ type: 'reloaded', atMs: 0, routes: [] })
  await until(() => got.length === 4 && hooks.waiting === 0)
  expect(new Set(got.map(({ id }) => id)).size).toBe(1)
  expect(got.every(({ verified }) => verified)).toBe(true)
  expect(got[0]!.body).toMatchObject({
    type: 'return.failed',
    data: { route: 'chat', agreement: 'a1', amountMsat: '2000', reason: 'no-route' },
  })
})

test('a redirect is not followed', async () => {
  const target = await receiver(() => new Response(''))
  const { url, got } = await receiver((count) =>
    count === 1 ? new Response('', { status: 307, headers: { location: target.url } }) : new Response(''),
  )
  const gateway = source()
  const hooks = startWebhooks({ gateway, home: home(), pace, webhooks: [{ url, secret, events: ['return-failed'] }] })
  open.push(() => hooks.close())
  gateway.tell(failed('x'))
  await until(() => got.length === 2 && hooks.waiting === 0)
  expect(target.got).toEqual([])
})

test('what was not taken before the process ended is sent by the next one', async () => {
  const folder = home()
  const gateway = source()
  const { url, got } = await receiver((count) => new Response('', { status: count === 1 ? 500 : 200 }))
  const webhooks = [{ url, secret, events: ['return-failed'] }] as const
  const slow = { ...pace, firstDelayMs: 1000 }
  const first = startWebhooks({ gateway, home: folder, pace: slow, webhooks })
  gateway.tell(failed('x'))
  await until(() => got.length === 1)
  await first.close()
  const second = startWebhooks({ gateway, home: folder, pace: slow, webhooks })
  open.push(() => second.close())
  await until(() => got.length === 2 && second.waiting === 0)
  expect(got[0]!.id).toBe(got[1]!.id)
})

test('what nobody takes is given up after its time, and told', async () => {
  const errors: StreamError[] = []
  const { url } = await receiver(() => new Response('', { status: 500 }))
  const gateway = source()
  const hooks = startWebhooks({
    gateway,
    home: home(),
    pace: { ...pace, lifeMs: 50 },
    webhooks: [{ url, secret, events: ['return-failed'] }],
    onError: (error) => errors.push(error),
  })
  open.push(() => hooks.close())
  gateway.tell(failed('x'))
  await until(() => errors.length === 1)
  expect(errors[0]).toMatchObject({ code: 'webhook-failed' })
  expect(hooks.waiting).toBe(0)
})

test('the queue has an end: the oldest goes first', () => {
  const queue = new WebhookQueue(join(home(), 'webhooks.db'))
  const urls = Array.from({ length: 9999 }, () => 'http://127.0.0.1:1/')
  expect(queue.add(['http://127.0.0.1:1/'], 'first', '{}', 0)).toBe(0)
  expect(queue.add(urls, 'more', '{}', 0)).toBe(0)
  expect(queue.add(['http://127.0.0.1:1/'], 'last', '{}', 0)).toBe(1)
  expect(queue.next('http://127.0.0.1:1/', 1)!.id).toBe('more')
  expect(queue.size).toBe(10_000)
  queue.close()
})

test('no other scheme, and no URL twice', () => {
  const start = (...urls: string[]) =>
    startWebhooks({ gateway: source(), home: home(), webhooks: urls.map((url) => ({ url, secret, events: [] })) })
  expect(() => start('file:///etc/passwd')).toThrow('http or https')
  expect(() => start('not a url')).toThrow('http or https')
  expect(() => start('http://127.0.0.1/a', 'http://127.0.0.1/a')).toThrow('two webhooks')
})
