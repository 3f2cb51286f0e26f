/** The URL parser has brought every form of an IP address to one. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Whether a URL leads to this very machine. */
export const isLoopback = (url: string): boolean => LOOPBACK.test(new URL(url).hostname)

/** Whether what listens on this address, or name, is heard by this machine alone. An empty one means every address. */
export function isLoopbackHost(host: string): boolean {
  const url = URL.parse(`http://${host.includes(':') ? `[${host}]` : host}`)
  return url !== null && LOOPBACK.test(url.hostname)
}
