import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A wire to LND that can be cut. */
export interface Wire {
  /** `localhost:PORT`, to be used in place of LND's own. */
  readonly socket: string
  /** Breaks every connection and refuses new ones. */
  cut(): void
  /** Lets new connections through again. */
  mend(): void
  close(): Promise<void>
}

export async function startWire(target: string): Promise<Wire> {
  const [host, port] = target.split(':')
  const open = new Set<Socket>()
  let whole = true
  const server = createServer((near) => {
    if (!whole) return near.destroy()
    const far = connect(Number(port), host)
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    whole = false
    for (const socket of open) socket.destroy()
  }
  return {
    socket: `localhost:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => {
      whole = true
    },
    close: () => {
      cut()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
