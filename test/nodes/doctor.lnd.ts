import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createSeed, createWallet, unauthenticatedLndGrpc } from 'lightning'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'
import type { SharedNet } from '../../lightning-net/shared.ts'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { bakeMacaroon } from '../../src/lightning/lnd/index.ts'
import type { Network } from '../../src/money/network.ts'
import { type Examination, examineNode, type Finding, subjectOf } from '../../src/nodectl/doctor/index.ts'
import { type ManagedNode, nodeFolder, saveManaged } from '../../src/nodectl/managed/record.ts'
import { commands, type Event, type Result, sleep, tempFolder } from '../cli/command.ts'
import { BufferingProxy } from '../faults/buffering.ts'
import { type Lone, startLone, takesCalls } from '../networks/lone.ts'

const { net, skip } = await sharedNet()
const home = tempFolder()
const { run, sell } = commands(home)

/** What was found by one check. */
const found = ({ events }: Result, check: string): Event | undefined =>
  events.find((event) => event.event === 'finding' && event.check === check)
const problems = ({ events }: Result): unknown[] =>
  events.filter(({ status }) => status === 'problem').map(({ check, code }) => `${check} ${code}`)

describe.skipIf(skip)(`doctor, on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const doctor = (...args: string[]): Promise<Result> => run('doctor', '--json', ...args)
  const { alice, bob, carol } = net ?? ({} as SharedNet)

  test('a channel with money on both sides is well; that macaroons of operators are used is a warning', async () => {
    const result = await doctor('--node', alice.spec, '--node', carol.spec)
    expect(problems(result), result.stderr).toEqual([])
    expect(result).toMatchObject({ code: 0, last: { event: 'sum', ok: true, nodes: 2, problems: 0, warnings: 2 } })
    expect(result.events.filter(({ status }) => status === 'warning').map(({ check }) => check)).toEqual([
      'macaroon',
      'macaroon',
    ])
    expect(found(result, 'network')?.found).toMatch(/^regtest, .*0f9188f13cb7b2c7/)
    expect(found(result, 'outbound')?.found).toMatch(/^you can send [\d.]+M sat; to send more/)
    expect(found(result, 'payment')).toMatchObject({ status: 'ok', found: expect.stringMatching(/1 sat to .*arrived/) })
  })

  test('with what streams use of a managed node all is green, either way', async () => {
    const one = await managed('one', 'alice')
    await managed('two', 'bob')
    for (const role of ['buyer', 'seller']) {
      const result = await doctor('--node', one.name, '--for', role)
      expect(problems(result), result.stderr).toEqual([])
      const statuses = result.events
        .filter(({ event }) => event === 'finding')
        .map(({ check, status }) => [check, status])
      expect(statuses.filter(([, status]) => status !== 'ok')).toEqual([])
      expect(found(result, 'payment')?.found).toMatch(role === 'buyer' ? /to two arrived/ : /from two arrived/)
    }
    const all = await doctor()
    expect(all).toMatchObject({ code: 0, last: { nodes: 2, ok: true, warnings: 0, skipped: 0 } })
  })

  /** A record as `node up` writes it, over a node of the shared network, with macaroons that were baked for it. */
  async function managed(name: string, of: 'alice' | 'bob', network: Network = 'regtest'): Promise<ManagedNode> {
    const state = join(home, 'state')
    const dir = nodeFolder(state, name)
    const chain = join(dir, 'data', 'chain', 'bitcoin', network)
    mkdirSync(chain, { recursive: true })
    writeFileSync(join(dir, 'tls.cert'), readFileSync(net![of].cert))
    writeFileSync(join(chain, 'admin.macaroon'), readFileSync(net![of].macaroon), { mode: 0o600 })
    for (const role of ['buyer', 'seller'] as const) {
      const { bytes } = await bakeMacaroon(net![of], role, true)
      writeFileSync(join(dir, `${role}.macaroon`), bytes, { mode: 0o600 })
    }
    const ports = { rpcPort: Number(net![of].socket.split(':')[1]), peerPort: Number(net![of].peer.split(':')[1]) }
    const node = { name, network, dir, backend: 'btcd' as const, chainPeers: [], program: process.execPath, lab: true }
    saveManaged({ ...node, ...ports })
    return { ...node, ...ports }
  }

  test('a record of another network is refused by both names, and nothing moves', async () => {
    await managed('other', 'alice', 'signet')
    const result = await doctor('--node', 'other')
    expect(found(result, 'network')).toMatchObject({
      status: 'problem',
      found: expect.stringMatching(/signet.*regtest/),
    })
    expect(found(result, 'payment')).toMatchObject({ status: 'skipped' })
    expect(result.code).toBe(9)
  })

  test.each<[string, () => string, string, string]>([
    ["another node's certificate", () => `lnd:${alice.dir}@${bob.socket}`, 'certificate', 'node-unreachable'],
    ['nothing that listens', () => `lnd:${alice.dir}@localhost:1`, 'address', 'node-unreachable'],
    ['no directory', () => 'lnd:/nowhere/at/all', 'node', 'node-spec-invalid'],
    ['no such name', () => 'nobody', 'node', 'node-spec-invalid'],
  ])('%s', async (_, spec, check, code) => {
    const result = await doctor('--node', spec())
    expect(problems(result)).toEqual([`${check} ${code}`])
    expect(result.code).toBe(code === 'node-spec-invalid' ? 2 : 8)
    expect(result.last).toMatchObject({ ok: false, code })
  })

  test.each<[string, () => string, string[], RegExp]>([
    ["another node's macaroon", () => bob.macaroon, [], /signature mismatch/],
    ['too little to buy or sell', () => alice.macaroon.replace('admin', 'readonly'), [], /it lacks SendPaymentV2/],
    [
      'too little to sell',
      () => alice.macaroon.replace('admin', 'invoice'),
      ['--for', 'seller'],
      /it lacks .*SignMessage/,
    ],
    ['a certificate in place of a macaroon', () => alice.cert, [], /no macaroon/],
  ])('%s', async (_, macaroon, more, words) => {
    const env = {
      STREAMPAY_LND_CERT: alice.cert,
      STREAMPAY_LND_MACAROON: macaroon(),
      STREAMPAY_LND_SOCKET: alice.socket,
    }
    const result = await commands(home, env).run('doctor', '--json', '--node', 'lnd', ...more)
    expect(found(result, 'macaroon')).toMatchObject({
      status: 'problem',
      code: 'node-denied',
      found: expect.stringMatching(words),
    })
    expect(result.code).toBe(8)
    const secret = readFileSync(macaroon()).subarray(-24).toString('hex')
    expect(result.stdout.toString() + result.stderr).not.toContain(secret)
  })

  test('a port that another program has', async () => {
    const server = createServer((socket) => void socket.on('error', () => {}).end('220 hello\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const result = await doctor('--node', `lnd:${alice.dir}@localhost:${port}`)
    server.close()
    expect(problems(result)).toEqual(['certificate node-unreachable'])
    expect(found(result, 'certificate')?.found).toMatch(/another program/)
  })

  test('a seller is looked at as a buyer meets it; a proxy that collects is found', async () => {
    const folder = join(home, 'shop')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'a.bin'), Buffer.alloc(100_000, 5))
    const { seller, url } = await sell(folder, '1 sat/KiB', '--node', bob.spec)
    const good = await doctor('--node', alice.spec, '--url', `${url}/a.bin`)
    expect(problems(good), good.stderr).toEqual([])
    const pieces = good.events.filter(({ check }) => check === 'buffering')
    expect(pieces.map(({ status }) => status)).toEqual(['ok', 'ok'])
    expect(pieces[1]?.found).toMatch(/in pieces/)
    // Its own node cannot pay it, and nothing is made up for that.
    const own = await doctor('--node', bob.spec, '--url', `${url}/a.bin`)
    expect(own.events.findLast(({ check }) => check === 'buffering')).toMatchObject({ status: 'skipped' })
    const proxy = await BufferingProxy.to(url, { bytes: 1 << 20, heeds: false })
    const held = await doctor('--node', alice.spec, '--url', `${proxy.url}/a.bin`)
    expect(problems(held)).toEqual(['buffering response-buffered'])
    expect(held.code).toBe(6)
    await proxy.close()
    seller.signal('SIGINT')
    await seller.end()
  })

  describe('an LND of its own', () => {
    let guard: Guard
    const nodes: Lone[] = []
    const start = async (name: string, setup: { network: Network; wallet?: boolean }): Promise<Lone> => {
      const node = await startLone({ chain: undefined, ...setup, dir: join(home, name) }, guard)
      nodes.push(node)
      return node
    }
    /** Until it shows its certificate. */
    const listens = async ({ spec }: Lone): Promise<void> => {
      for (let shown = false; !shown; await sleep(200)) {
        const findings = await examined(spec).then(
          (examination) => examination.findings,
          () => [],
        )
        shown = findings.some(({ check, status }) => check === 'certificate' && status === 'ok')
      }
    }
    const examined = async (spec: string, onFinding: (finding: Finding) => void = () => {}): Promise<Examination> =>
      examineNode(subjectOf(spec, home, undefined), { mayPay: async () => false, onFinding })
    beforeAll(() => {
      guard = startGuard()
    })
    afterAll(async () => {
      await Promise.all(nodes.map(({ daemon }) => daemon.stop()))
      guard.end()
    })

    test('whose wallet is not made, and then is locked', async () => {
      const node = await start('locked', { network: 'regtest', wallet: true })
      // A spec needs a macaroon, which LND writes with the wallet: another stands in, and is not asked for before the wallet.
      mkdirSync(join(node.macaroon, '..'), { recursive: true })
      writeFileSync(node.macaroon, readFileSync(alice.macaroon))
      await listens(node)
      expect(problems(await doctor('--node', node.spec))).toEqual(['wallet node-locked'])
      const { lnd } = unauthenticatedLndGrpc({
        cert: readFileSync(node.cert).toString('base64'),
        socket: node.socket,
      })
      const { seed } = await createSeed({ lnd })
      await createWallet({ lnd, seed, password: Buffer.from('a password').toString('hex') })
      await node.daemon.stop()
      const again = await start('locked', { network: 'regtest', wallet: true })
      await listens(again)
      const result = await doctor('--node', again.spec)
      expect(problems(result)).toEqual(['wallet node-locked'])
      expect(found(result, 'wallet')?.found).toMatch(/locked/)
    })

    test('that is killed while it is looked at, and then stands still: the walk ends', async () => {
      const node = await start('killed', { network: 'simnet' })
      await takesCalls(node)
      const walk = await examined(node.spec, ({ check }) => {
        if (check === 'macaroon') void node.daemon.kill()
      })
      expect(walk.findings.find(({ status }) => status === 'problem')).toMatchObject({ code: 'node-unreachable' })
      const again = await start('killed', { network: 'simnet' })
      await takesCalls(again)
      // Meanwhile it is a buyer of another network than a seller.
      const { seller, url } = await sell(home, '1 sat/KiB', '--node', bob.spec)
      const mixed = await doctor('--node', again.spec, '--url', `${url}/locked`)
      expect(problems(mixed)).toContain('offer-network network-mismatch')
      expect(mixed.events.findLast(({ check }) => check === 'buffering')).toMatchObject({ status: 'skipped' })
      seller.signal('SIGINT')
      await seller.end()
      again.daemon.freeze(true)
      const frozen = await examined(again.spec)
      again.daemon.freeze(false)
      expect(frozen.findings.filter(({ status }) => status === 'problem')).toMatchObject([{ code: 'node-unreachable' }])
    })

    test('on signet, without a peer: of its network, and behind its chain', async () => {
      const node = await start('signet', { network: 'signet' })
      await takesCalls(node)
      const result = await doctor('--node', node.spec)
      expect(found(result, 'network')?.found).toMatch(/^signet, .*00000008819873e9/)
      expect(problems(result)).toEqual(['sync node-behind'])
      expect(found(result, 'payment')).toMatchObject({ status: 'skipped' })
    })
  })
})
