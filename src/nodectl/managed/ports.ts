import { StreamError } from '../../errors/error.ts'
import { isFree } from '../chain/ports.ts'
import type { ManagedNode } from './record.ts'

/** Above those of the lab, and below all that is free only for now: a node finds its ports again after it was down. See `chain/ports.ts`. */
const HIGHEST = 19_999
const LOWEST = 18_000
const ATTEMPTS = 200

/** A free port of 127.0.0.1 that no other managed node calls its own, whether that one runs or not. */
export async function findPort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1))
    if (!taken.has(port) && (await isFree(port))) return port
  }
  throw new StreamError('port-taken', `no free port between ${LOWEST} and ${HIGHEST}`)
}

/** @throws StreamError `port-taken` */
export async function requireFreePorts({ name, rpcPort, peerPort }: ManagedNode): Promise<void> {
  for (const [port, use] of [
    [rpcPort, 'gRPC'],
    [peerPort, 'peers'],
  ] as const) {
    if (await isFree(port)) continue
    throw new StreamError('port-taken', `port ${port}, where node ${name} listens for ${use}, is taken`, {
      port: `${port}`,
    })
  }
}
