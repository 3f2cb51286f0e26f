import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { adminOptions } from './spec.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'streampay-spec-'))
})
afterEach(() => rmSync(home, { recursive: true }))

function make(name: string, rpcPort: number): void {
  const dir = join(home, 'nodes', name)
  mkdirSync(dir, { recursive: true })
  const more = { backend: 'neutrino', peerPort: 9735, chainPeers: [], program: '/usr/bin/lnd', lab: false }
  writeFileSync(join(dir, 'node.json'), JSON.stringify({ name, network: 'signet', rpcPort, ...more }))
}
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'node-spec-invalid', message: expect.stringMatching(message) })

it('takes the only node there is, and asks which where there are two', () => {
  expect(() => adminOptions(undefined, home)).toThrow(invalid(/no node yet/))
  make('one', 20_001)
  expect(adminOptions(undefined, home)).toMatchObject({ socket: 'localhost:20001', network: 'signet' })
  make('two', 20_002)
  expect(() => adminOptions(undefined, home)).toThrow(invalid(/one, two/))
  const { macaroon } = adminOptions('two', home)
  expect(macaroon).toBe(join(home, 'nodes', 'two', 'data', 'chain', 'bitcoin', 'signet', 'admin.macaroon'))
})

it.each(['embedded', 'nwc:wallet.txt', 'lnd:/nowhere', 'three', '../one'])('refuses %s', (spec) => {
  make('one', 20_001)
  expect(() => adminOptions(spec, home)).toThrow(invalid(/./))
})
