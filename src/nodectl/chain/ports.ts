import { createServer } from 'node:net'

/** Outgoing connections take their ports from here on; a listener below cannot collide with one. */
const EPHEMERAL = 32_768
/** What is taken here is used at once. Ports that are kept while nothing listens on them lie below, each kind in a range of its own. */
const LOWEST = 26_000

/** From the first to below the last. */
export type PortRange = readonly [number, number]

/**
 * `count` neighbouring free ports of 127.0.0.1, all below the range that outgoing connections use.
 * @param base the first one; when absent, a random place is taken so that two networks hardly meet
 * @param within where that place may be
 */
export async function freePorts(
  count: number,
  base?: number,
  within: PortRange = [LOWEST, EPHEMERAL],
): Promise<number[]> {
  if (base !== undefined) {
    const ports = range(base, count)
    if (!(base >= 1024 && base + count <= EPHEMERAL))
      throw new Error(`ports ${base} to ${base + count - 1} are not between 1024 and ${EPHEMERAL}`)
    for (const port of ports) if (!(await isFree(port))) throw new Error(`port ${port} is taken`)
    return ports
  }
  const [lowest, end] = within
  for (let attempt = 0; attempt < 200; attempt++) {
    const ports = range(lowest + Math.floor(Math.random() * (end - lowest - count)), count)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports
  }
  throw new Error('no free ports')
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i)

/** Whether nothing listens on a port of 127.0.0.1, for now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
