import { createRequire } from 'node:module'
import { atEnd } from './stand.ts'

type Grpc = typeof import('@grpc/grpc-js')

/** What everybody calls gRPC by in Node.js: it comes with the client of LND. */
export const grpc = createRequire(createRequire(import.meta.url).resolve('lightning'))('@grpc/grpc-js') as Grpc

const same = (bytes: Buffer): Buffer => bytes
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  ...{ path: `/shop.Words/${name}`, requestStream, responseStream },
  ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
})

export interface Service {
  /** Where it listens, in the clear (h2c). */
  readonly url: string
  /** The metadata of each call that came. */
  readonly asked: Array<Record<string, unknown>>
}

/**
 * A service of gRPC that knows nothing of payments: `Say` says a word back, with a trailer; `Count` sends so many messages of 1000 bytes; `Talk` answers each message
 * as it comes; `Fail` has no such thing.
 */
export async function openService(): Promise<Service> {
  const asked: Service['asked'] = []
  const server = new grpc.Server()
  server.addService(
    {
      Say: method('Say', false, false),
      Count: method('Count', false, true),
      Talk: method('Talk', true, true),
      Fail: method('Fail', false, false),
    },
    {
      Say(call: { metadata: import('@grpc/grpc-js').Metadata; request: Buffer }, answer: (...said: unknown[]) => void) {
        asked.push(call.metadata.getMap())
        const trailer = new grpc.Metadata()
        trailer.set('x-words', '1')
        answer(null, Buffer.from(`said ${call.request}`), trailer)
      },
      Count(call: import('@grpc/grpc-js').ServerWritableStream<Buffer, Buffer>) {
        for (let i = 0; i < Number(`${call.request}`); i++) call.write(Buffer.alloc(1000, i))
        call.end()
      },
      Talk(call: import('@grpc/grpc-js').ServerDuplexStream<Buffer, Buffer>) {
        call.on('data', (word: Buffer) => call.write(Buffer.from(`heard ${word}`)))
        call.on('end', () => call.end())
      },
      Fail(_: unknown, answer: (error: object) => void) {
        answer({ code: grpc.status.NOT_FOUND, details: 'no such thing: 100 % gone' })
      },
    } as unknown as import('@grpc/grpc-js').UntypedServiceImplementation,
  )
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure()
    server.bindAsync('127.0.0.1:0', insecure, (error, bound) => (error ? reject(error) : resolve(bound)))
  })
  atEnd(() => server.forceShutdown())
  return { url: `http://127.0.0.1:${port}`, asked }
}

/** How a call ended, as its client sees it. */
export interface Ended {
  readonly code: number
  readonly details: string
  readonly headers: Record<string, unknown> | undefined
  readonly trailers: import('@grpc/grpc-js').Metadata
  readonly messages: readonly Buffer[]
}

/** A client of the service, at whatever stands in front of it. */
export function openClient(address: string, ca: Buffer) {
  const client = new grpc.Client(address, grpc.credentials.createSsl(ca))
  atEnd(() => client.close())
  const ended = (call: import('@grpc/grpc-js').ClientReadableStream<Buffer>): Promise<Ended> => {
    const messages: Buffer[] = []
    let headers: Record<string, unknown> | undefined
    call.on('data', (message: Buffer) => messages.push(message))
    call.on('metadata', (metadata) => {
      headers = metadata.getMap()
    })
    call.on('error', () => {})
    return new Promise((resolve) => {
      call.on('status', ({ code, details, metadata }) =>
        resolve({ code, details, headers, trailers: metadata, messages }),
      )
    })
  }
  const metadataOf = (own: Readonly<Record<string, string>>) => {
    const metadata = new grpc.Metadata()
    for (const [name, value] of Object.entries(own)) metadata.set(name, value)
    return metadata
  }
  return {
    call: (name: string, text: string, metadata: Readonly<Record<string, string>> = {}) =>
      ended(client.makeServerStreamRequest(`/shop.Words/${name}`, same, same, Buffer.from(text), metadataOf(metadata))),
    /** A call with a message for each answer. */
    talk(metadata: Readonly<Record<string, string>>) {
      const call = client.makeBidiStreamRequest('/shop.Words/Talk', same, same, metadataOf(metadata))
      return { call, ended: ended(call) }
    },
  }
}
