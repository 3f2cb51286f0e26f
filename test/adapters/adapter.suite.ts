import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { addressOf, type WebHandler } from '../../src/seller/adapters/request.ts'
import { endless } from '../../src/seller/adapters/testing/endless.ts'
import { paywall } from '../../src/seller/paywall.ts'

export interface Mounted {
  /** Of the server; the handler is below `/paid`. */
  readonly url: string
  close(): Promise<unknown>
}

/** Mounts a handler below `/paid` in a framework, by the one line that its users write. */
export type Mount = (handler: WebHandler, onError?: (error: unknown) => void) => Promise<Mounted>

const CHUNK = 16_384

/** What every adapter has to keep, in the real framework. */
export function adapterSuite(name: string, mount: Mount): void {
  describe(`a wall in ${name}`, () => {
    const open: Array<() => Promise<unknown>> = []
    afterEach(async () => {
      for (const end of open.splice(0).reverse()) await end()
    })
    const start = async (handler: WebHandler, onError?: (error: unknown) => void): Promise<string> => {
      const mounted = await mount(handler, onError)
      open.push(() => mounted.close())
      return mounted.url
    }

    it('sees the whole request, and its answer goes out as it is', async () => {
      const url = await start(async (request) => {
        const seen = {
          method: request.method,
          url: request.url,
          header: request.headers.get('x-a'),
          peer: addressOf(request),
          body: await request.text(),
        }
        const headers = new Headers({ 'content-type': 'application/json', 'x-b': '2' })
        headers.append('set-cookie', 'a=1')
        headers.append('set-cookie', 'b=2')
        return new Response(JSON.stringify(seen), { status: 201, headers })
      })
      const body = '{"prompt":"ü"}'
      const response = await fetch(`${url}/paid/a/b?c=d`, {
        method: 'POST',
        body,
        headers: { 'x-a': '1', 'content-type': 'application/json' },
      })
      expect(response.status).toBe(201)
      expect(response.headers.get('x-b')).toBe('2')
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
      expect(await response.json()).toEqual({
        method: 'POST',
        url: `${url}/paid/a/b?c=d`,
        header: '1',
        peer: '127.0.0.1',
        body,
      })
    })

    it('sells: a stranger gets the offer, and a buyer pays for each byte, and for none twice', async () => {
      const { seller, buyer: node } = scriptedPair()
      const wall = paywall({ node: seller, price: '1 sat/KiB' })
      open.push(() => wall.close())
      const url = await start(wall(() => new Response(endless().body.pipeThrough(first(200 * 1024)))))
      const stranger = await fetch(`${url}/paid/x`)
      expect(stranger.status).toBe(402)
      expect(stranger.headers.get('www-authenticate')).toMatch(/^Payment .*intent="stream"/)
      expect(await stranger.json()).toMatchObject({ status: 402 })
      const buyer = createBuyer({ node, max: '300 sat', ahead: '20 sat' })
      const response = await buyer.fetch(`${url}/paid/x`)
      expect((await response.arrayBuffer()).byteLength).toBe(200 * 1024)
      const [closing] = await buyer.close()
      expect(closing?.dispute).toBeUndefined()
      expect(closing?.statement).toMatchObject({ steps: 204_800n, delivered: 200_000n })
    })

    it('a reader that pauses pauses the source, and it goes on where it was', async () => {
      const { body, state } = endless()
      const url = await start(() => new Response(body))
      const reading = httpRequest(`${url}/paid/x`).end()
      const [answer] = (await once(reading, 'response')) as [IncomingMessage]
      await once(answer, 'readable')
      await still(() => state.pulled)
      const held = state.pulled
      expect(held * CHUNK, 'what the sockets of both sides hold').toBeLessThan(8 << 20)
      let bytes = 0
      for await (const chunk of answer) {
        bytes += (chunk as Buffer).length
        if (bytes > (held + 50) * CHUNK) break
      }
      expect(state.pulled).toBeGreaterThan(held)
      reading.destroy()
    })

    it('a client that leaves ends the body', async () => {
      const errors: unknown[] = []
      const { body, cancelled } = endless()
      const url = await start(
        () => new Response(body),
        (error) => errors.push(error),
      )
      const reader = (await fetch(`${url}/paid/x`)).body!.getReader()
      await reader.read()
      await reader.cancel()
      await cancelled
      expect(errors).toEqual([])
    })

    it('a client that leaves before there is an answer aborts the work', async () => {
      const begun = Promise.withResolvers<void>()
      const aborted = Promise.withResolvers<void>()
      const url = await start(async (request) => {
        request.signal.addEventListener('abort', () => aborted.resolve())
        begun.resolve()
        await aborted.promise
        return new Response('')
      })
      const leaving = new AbortController()
      const asked = fetch(`${url}/paid/x`, { signal: leaving.signal }).catch(() => {})
      await begun.promise
      leaving.abort()
      await aborted.promise
      await asked
    })

    it('an upload arrives whole, also one that is large and of an unknown kind', async () => {
      const url = await start(async (request) => {
        let bytes = 0
        for await (const chunk of request.body!) bytes += chunk.length
        return new Response(`${bytes}`)
      })
      for (const type of ['application/octet-stream', 'application/x-made-up', 'text/plain']) {
        const body = new Uint8Array(5_000_000)
        const response = await fetch(`${url}/paid/x`, { method: 'PUT', body, headers: { 'content-type': type } })
        expect(await response.text(), type).toBe('5000000')
      }
    })

    it('an upload that breaks off is no whole request', async () => {
      const begun = Promise.withResolvers<void>()
      const seen = Promise.withResolvers<string>()
      const url = await start(async (request) => {
        begun.resolve()
        await request.text().then(
          () => seen.resolve('whole'),
          () => seen.resolve('broken'),
        )
        return new Response('')
      })
      const headers = { 'content-length': '1000', 'content-type': 'application/octet-stream' }
      const sending = httpRequest(`${url}/paid/x`, { method: 'POST', headers })
      sending.on('error', () => {})
      sending.write('half')
      await begun.promise
      sending.destroy()
      expect(await seen.promise).toBe('broken')
    })

    it('a body that fails never looks whole', async () => {
      let sent = 0
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 5))
            if (sent++ === 3) throw new Error('the disk is gone')
            controller.enqueue(new TextEncoder().encode('part '))
          },
        },
        { highWaterMark: 0 },
      )
      const url = await start(() => new Response(body))
      await expect(fetch(`${url}/paid/x`).then((response) => response.text())).rejects.toThrow()
    })

    it('a handler that throws is told as a problem, without its words', async () => {
      const errors: unknown[] = []
      const url = await start(
        () => Promise.reject(new Error('a secret path')),
        (error) => errors.push(error),
      )
      const response = await fetch(`${url}/paid/x`)
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('secret path')
      expect(errors).toMatchObject([{ message: 'a secret path' }])
    })

    it('HEAD has no body', async () => {
      const url = await start(() => new Response('hello'))
      const asking = httpRequest(`${url}/paid/x`, { method: 'HEAD' }).end()
      const [answer] = (await once(asking, 'response')) as [IncomingMessage]
      expect(answer.statusCode).toBe(200)
      expect(await text(answer)).toBe('')
    })
  })
}

/** The first so many bytes. */
function first(most: number): TransformStream<Uint8Array, Uint8Array> {
  let left = most
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left))
      left -= Math.min(left, chunk.length)
      if (left === 0) controller.terminate()
    },
  })
}

/** Resolves once a number has not changed for a while. */
async function still(value: () => number): Promise<void> {
  for (let before = -1; before !== value(); ) {
    before = value()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}
