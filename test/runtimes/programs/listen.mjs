import { serve, toFetch } from 'streampay/seller'

/** The server that the runtime itself has, by the one line that its users write; in Node the adapter for its own. */
export async function listen(handler, ofNode = false) {
  const at = { hostname: '127.0.0.1', port: 0 }
  if (globalThis.Deno && !ofNode) {
    const server = Deno.serve(
      { ...at, onListen() {} },
      toFetch(handler, (_, info) => info.remoteAddr.hostname),
    )
    return { url: `http://127.0.0.1:${server.addr.port}`, close: () => server.shutdown() }
  }
  if (globalThis.Bun && !ofNode) {
    // A stream that waits for money is silent for a while, and by default Bun ends what is silent for ten seconds.
    const server = Bun.serve({
      ...at,
      idleTimeout: 0,
      fetch: toFetch(handler, (request, self) => self.requestIP(request)?.address),
    })
    return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop() }
  }
  return serve(handler, { port: 0 })
}
