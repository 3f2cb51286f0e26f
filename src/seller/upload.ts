import { standardRequest, withBody } from './adapters/request.ts'

/**
 * The request with its body counted as it is read: nothing more of it is read before what came is covered.
 * @param cover waits for money for some of so many bytes, and returns for how many it has it
 */
export function withCountedBody(request: Request, cover: (bytes: bigint) => Promise<bigint>): Request {
  if (request.method === 'GET' || request.method === 'HEAD') return request
  const { body } = standardRequest(request)
  return body ? withBody(request, counted(body, cover)) : request
}

function counted(
  body: ReadableStream<Uint8Array>,
  cover: (bytes: bigint) => Promise<bigint>,
): ReadableStream<Uint8Array> {
  const source = body.getReader()
  let held: Uint8Array = new Uint8Array(0)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (held.byteLength === 0) {
          const read = await source.read()
          if (read.done) return controller.close()
          held = read.value
        }
        try {
          const bytes = Number(await cover(BigInt(held.byteLength)))
          controller.enqueue(held.subarray(0, bytes))
          held = held.subarray(bytes)
        } catch (error) {
          source.cancel(error).catch(() => {})
          throw error
        }
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
