import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { greet, readVersion, requireChainPeers, versionMessage } from './chainPeer.ts'

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of sockets.splice(0)) socket.destroy()
})

/** Something on a port of this machine that is no Bitcoin node, or a strange one. */
async function peer(talk: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    talk(socket)
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('what a peer says', () => {
  const serving = (services: bigint): Buffer => {
    const message = versionMessage('regtest')
    message.writeBigUInt64LE(services, 28)
    return message
  }

  it('is its network, and whether it serves filters', () => {
    expect(readVersion(serving(0b1001n), 'regtest')).toEqual({ filters: false })
    expect(readVersion(serving(0b1001001n), 'regtest')).toEqual({ filters: true })
    expect(readVersion(serving(0b1001001n), 'mainnet')).toBe('silent')
    expect(readVersion(serving(1n).subarray(0, 30), 'regtest')).toBeUndefined()
    expect(readVersion(Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'regtest')).toBe('silent')
  })

  it('may be nothing, or a great deal of nothing', async () => {
    expect(await greet('127.0.0.1:1', 'regtest')).toBe('closed')
    expect(await greet(await peer((socket) => socket.end()), 'regtest')).toBe('silent')
    expect(await greet(await peer((socket) => socket.end(Buffer.alloc(10_000_000))), 'regtest')).toBe('silent')
  })
})

it('refuses peers of which none is of use, and says what each did', async () => {
  const other = await peer((socket) => socket.end())
  await expect(requireChainPeers(['127.0.0.1:1', other], 'regtest', 'node a')).rejects.toMatchObject({
    code: 'chain-unreachable',
    message: `node a has no Bitcoin node to ask: 127.0.0.1:1 does not answer, ${other} hangs up`,
  })
  await requireChainPeers([], 'mainnet', 'node a')
})
