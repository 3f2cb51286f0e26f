import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { freePorts } from './ports.ts'

it('gives neighbouring ports below those of outgoing connections', async () => {
  for (let i = 0; i < 20; i++) {
    const ports = await freePorts(8)
    expect(ports).toEqual(ports.map((_, at) => ports[0]! + at))
    expect(ports[7]).toBeLessThan(32_768)
    expect(ports[0]).toBeGreaterThanOrEqual(26_000)
  }
})

it('takes the ports that it is told to, unless one is taken or out of range', async () => {
  const [base] = await freePorts(4)
  expect(await freePorts(4, base)).toHaveLength(4)
  const server = createServer().listen(base! + 2, '127.0.0.1')
  await once(server, 'listening')
  await expect(freePorts(4, base)).rejects.toThrow(`port ${(server.address() as AddressInfo).port} is taken`)
  server.close()
  await expect(freePorts(4, 32_766)).rejects.toThrow('not between')
  await expect(freePorts(4, Number.NaN)).rejects.toThrow('not between')
})
