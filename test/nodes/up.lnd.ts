import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { sat } from '../../src/money/msat.ts'
import { openAdmin } from '../../src/nodectl/admin.ts'
import { lndOptionsOf, readManaged } from '../../src/nodectl/managed/record.ts'
import { builtBinaries } from '../../src/nodectl/programs/build.ts'
import type { Event, Result } from '../cli/command.ts'
import { nodeHome } from './managed.ts'

const { net, skip } = await sharedNet()
const lnd = builtBinaries()?.lnd ?? ''
const CLOSED = '127.0.0.1:1'
/** Ten starts of an LND, each with a wallet's key to make or to open: no test is about time. */
const PATIENCE_MS = 600_000

describe.skipIf(skip)(`a managed node${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const { run, start, home, state, dirOf, pidOf, kill, read } = nodeHome()
  /** Where btcd's peers connect, as bob has it. */
  const btcdPeer = (): string =>
    /^neutrino\.connect=(\S+)$/m.exec(readFileSync(join(net!.bob.dir, 'lnd.conf'), 'utf8'))![1]!
  const upArgs = (name: string, ...more: string[]): string[] => [
    'node',
    'up',
    '--name',
    name,
    '--lnd',
    lnd,
    '--json',
    ...more,
  ]
  const up = (name: string, ...more: string[]): Promise<Result> => run(...upArgs(name, ...more))
  const onRegtest = (): string[] => ['--network', 'regtest', '--chain-peer', btcdPeer()]
  const good = (result: Result): Event => {
    expect(result.code, result.stderr + result.stdout).toBe(0)
    return result.last
  }
  let alice: Event

  test('is made, in step with its chain, and ready for streams with macaroons of its own', async () => {
    alice = good(await up('alice', ...onRegtest()))
    expect(alice).toMatchObject({
      event: 'up',
      state: 'ready',
      created: true,
      network: 'regtest',
      sync: 'done',
      phase: 'done',
    })
    for (const file of [
      'node.json',
      'lnd.conf',
      'wallet.password',
      'buyer.macaroon',
      'seller.macaroon',
      'lnd.pid',
      'lnd.out',
    ]) {
      expect(statSync(join(dirOf('alice'), file)).mode & 0o777, file).toBe(0o600)
    }
    expect(statSync(dirOf('alice')).mode & 0o777).toBe(0o700)
    const node = readManaged(state, 'alice')
    const seller = await createLndNode(lndOptionsOf(node, 'seller'))
    const [invoice] = await seller.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
    expect(invoice!.request).toMatch(/^lnbcrt/)
    await expect((await createLndNode(lndOptionsOf(node, 'buyer'))).signMessage('x')).rejects.toMatchObject({
      code: 'node-denied',
    })
    await seller.close()
    expect(JSON.stringify(alice)).not.toContain(read('alice', 'wallet.password').trim())
  })

  test('is found running, stopped, and opens its own wallet when it starts again', async () => {
    const again = good(await up('alice'))
    expect(again).toMatchObject({ created: false, pid: alice.pid, publicKey: alice.publicKey })
    const [status] = (await run('node', 'status', '--json')).events
    expect(status).toMatchObject({ name: 'alice', state: 'ready', running: true, height: again.height, peers: 0 })
    expect((await run('node', 'logs', '-n', '5')).stdout.toString().split('\n')).toHaveLength(6)
    expect((await run('node', 'down', '--json')).last).toMatchObject({ name: 'alice', ended: 'asked' })
    expect(pidOf('alice')).toBeUndefined()
    expect((await run('node', 'down', '--json')).last).toMatchObject({ ended: 'absent' })
    expect((await run('node', 'status', '--json')).last).toMatchObject({ state: 'stopped', running: false })
    expect(good(await run('node', 'up', '--json'))).toMatchObject({
      name: 'alice',
      created: false,
      publicKey: alice.publicKey,
    })
  })

  test('is refused where something is wrong, said in words, and starts once that is mended', async () => {
    const refused = async (code: string, ...more: string[]): Promise<Result> => {
      const result = await up('alice', ...more)
      expect(result.error, result.stdout.toString() + result.stderr).toMatchObject({ code })
      return result
    }
    // Of another network, by its name.
    expect((await refused('network-mismatch', '--network', 'mainnet')).error?.message).toMatch(/regtest.*mainnet/)
    expect(pidOf('alice')).toBe((await run('node', 'status', '--json')).last.pid)
    // Its certificate is another's while it runs: that is said, and a new one is made at the next start.
    const cert = read('alice', 'tls.cert')
    copyFileSync(net!.bob.cert, join(dirOf('alice'), 'tls.cert'))
    expect((await refused('node-unreachable')).error?.message).toContain('certificate')
    expect((await run('node', 'status', '--name', 'alice', '--json')).last).toMatchObject({
      trouble: 'node-unreachable',
    })
    writeFileSync(join(dirOf('alice'), 'tls.cert'), cert)
    await run('node', 'down', '--name', 'alice')
    copyFileSync(net!.bob.cert, join(dirOf('alice'), 'tls.cert'))
    // Its port is taken.
    const { rpcPort } = readManaged(state, 'alice')
    const taker: Server = createServer()
    await new Promise<void>((done) => taker.listen(rpcPort, '127.0.0.1', done))
    expect((await refused('port-taken')).error?.message).toContain(`${rpcPort}`)
    await new Promise((done) => taker.close(done))
    // Somebody changed the password.
    const password = read('alice', 'wallet.password')
    writeFileSync(join(dirOf('alice'), 'wallet.password'), 'another one\n')
    expect((await refused('wallet-password-wrong')).stdout.toString()).not.toContain(password.trim())
    expect(pidOf('alice')).toBeUndefined()
    writeFileSync(join(dirOf('alice'), 'wallet.password'), password)
    // Another network's data lies in its folder.
    const foreign = join(dirOf('alice'), 'data', 'chain', 'bitcoin', 'mainnet')
    mkdirSync(foreign)
    expect((await refused('network-mismatch')).error?.message).toMatch(/mainnet.*regtest/)
    rmdirSync(foreign)
    expect(good(await up('alice'))).toMatchObject({ created: false, publicKey: alice.publicKey })
  })

  test('of one network is not started over Bitcoin nodes of another, nor over none', async () => {
    const seed = ['--seed-file', join(home, 'never.txt')]
    for (const network of ['mainnet', 'testnet', 'signet', 'simnet']) {
      const { error } = await up(`x-${network}`, '--network', network, '--chain-peer', btcdPeer(), ...seed)
      expect(error).toMatchObject({ code: 'network-mismatch', network: 'regtest', expected: network })
      expect(error?.message).toMatch(new RegExp(`regtest.*${network}`))
    }
    const { error } = await up('x-mainnet', '--network', 'mainnet', '--chain-peer', CLOSED, ...seed)
    expect(error).toMatchObject({ code: 'chain-unreachable' })
    // Over a full node of another network, or one that does not let it in.
    const btcd = ['--backend', 'btcd', '--btcd', join(net!.dir, 'btcd')]
    const over = await up('x-signet', '--network', 'signet', ...btcd, ...seed)
    expect(over.error).toMatchObject({ code: 'network-mismatch', network: 'regtest', expected: 'signet' })
    mkdirSync(join(home, 'btcd'))
    copyFileSync(net!.btcd.cert, join(home, 'btcd', 'rpc.cert'))
    writeFileSync(join(home, 'btcd', 'btcd.conf'), `rpcuser=stream\nrpcpass=wrong\nrpclisten=:${net!.btcd.port}\n`)
    const denied = await up('x-btcd', '--network', 'regtest', '--backend', 'btcd', '--btcd', join(home, 'btcd'))
    expect(denied.error).toMatchObject({ code: 'chain-unreachable', message: expect.stringContaining('status 401') })
    // Nobody would have the seed.
    expect((await up('x-mainnet', '--network', 'mainnet', '--offline')).error).toMatchObject({ code: 'seed-unkept' })
    expect(existsSync(join(home, 'never.txt'))).toBe(false)
    expect(readdirSync(join(state, 'nodes')).filter((name) => existsSync(join(dirOf(name), 'node.json')))).toEqual([
      'alice',
    ])
  })

  test(
    'is finished by a second call, at whatever moment the first and LND were killed',
    async () => {
      const moments: ReadonlyArray<readonly [string, () => boolean]> = [
        ['LND has just begun', () => pidOf('carl') !== undefined],
        ['it waits for a wallet', () => existsSync(join(dirOf('carl'), 'data/chain/bitcoin/regtest/chain.sqlite'))],
        [
          'it has a wallet and not all macaroons',
          () => existsSync(join(dirOf('carl'), 'data/chain/bitcoin/regtest/admin.macaroon')),
        ],
      ]
      for (const [what, isThere] of moments) {
        const first = start(...upArgs('carl', ...onRegtest()))
        await expect.poll(isThere, { timeout: 170_000, interval: 5, message: what }).toBe(true)
        first.signal('SIGKILL')
        kill('carl')
        await first.end()
        await expect.poll(() => pidOf('carl'), { timeout: 20_000 }).toBeUndefined()
      }
      // The command alone, when it has asked for a wallet: LND is started again, and has it or has it not.
      const asking = start(...upArgs('dora', ...onRegtest()))
      await expect
        .poll(() => existsSync(join(dirOf('dora'), 'wallet.asked')), { timeout: 170_000, interval: 2 })
        .toBe(true)
      asking.signal('SIGKILL')
      await asking.end()
      expect(good(await up('dora', ...onRegtest())).state).toBe('ready')
      expect(existsSync(join(dirOf('dora'), 'wallet.asked'))).toBe(false)
      kill('dora')
      // Earlier: LND goes on, and is found.
      const alone = start(...upArgs('carl', ...onRegtest()))
      await expect.poll(() => pidOf('carl'), { timeout: 60_000 }).toBeDefined()
      alone.signal('SIGKILL')
      await alone.end()
      const pid = pidOf('carl')
      // LND alone: the command says what became of it.
      const orphaned = start(...upArgs('carl', ...onRegtest()))
      await orphaned.event('step', ({ step }) => step === 'open')
      expect(pidOf('carl')).toBe(pid)
      kill('carl')
      expect((await orphaned.end()).error).toMatchObject({ code: 'node-failed' })
      expect(good(await up('carl', ...onRegtest()))).toMatchObject({ state: 'ready', network: 'regtest' })
      // Two at once: one of them does it.
      kill('carl')
      await expect.poll(() => pidOf('carl'), { timeout: 20_000 }).toBeUndefined()
      const both = await Promise.all([up('carl'), up('carl')])
      expect(both.map(({ code }) => code)).toContain(0)
      for (const { code, error } of both) if (code !== 0) expect(error).toMatchObject({ code: 'node-busy' })
      const interrupted = start(...upArgs('carl'))
      interrupted.signal('SIGINT')
      await interrupted.end()
      expect(pidOf('carl')).toBeDefined()
      expect((await run('node', 'down', '--name', 'carl', '--json')).code).toBe(0)
    },
    PATIENCE_MS,
  )

  test('of a public network makes no wallet before its seed is kept, and no second seed after a kill', async () => {
    const file = join(home, 'signet.txt')
    const args = ['--network', 'signet', '--offline', '--chain-peer', CLOSED, '--seed-file', file]
    const first = start(...upArgs('sig', ...args))
    await expect.poll(() => existsSync(file), { timeout: 170_000, interval: 2 }).toBe(true)
    kill('sig')
    first.signal('SIGKILL')
    await first.end()
    const words = readFileSync(file, 'utf8')
    expect(words.trim().split(' ')).toHaveLength(24)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await expect.poll(() => pidOf('sig'), { timeout: 20_000 }).toBeUndefined()
    const pending = existsSync(join(dirOf('sig'), 'seed.pending')) ? read('sig', 'seed.pending') : ''
    const made = good(await up('sig', ...args))
    expect(made).toMatchObject({ created: true, network: 'signet', state: 'syncing' })
    expect(readFileSync(file, 'utf8')).toBe(words)
    // The words in the file are those of the wallet: another LND that is given them is the same node.
    mkdirSync(dirOf('twin'), { recursive: true })
    writeFileSync(join(dirOf('twin'), 'seed.pending'), pending)
    expect(good(await up('twin', ...args))).toMatchObject({ created: true, publicKey: made.publicKey })
    const other = await up('other', ...args)
    expect(other.error).toMatchObject({ code: 'seed-unkept' })
    for (const name of ['sig', 'twin']) kill(name)
  })

  test.each(['testnet', 'mainnet'] as const)(
    'of %s answers and has a wallet, and no packet of it leaves the machine',
    async (network) => {
      const file = join(home, `${network}.txt`)
      const more = ['--network', network, '--offline', '--chain-peer', CLOSED, '--seed-file', file]
      expect(good(await up(network, ...more))).toMatchObject({
        created: true,
        network,
        state: 'syncing',
        sync: 'waiting',
      })
      const { network: said, close } = await openAdmin(lndOptionsOf(readManaged(state, network), 'admin'))
      close()
      expect(said).toBe(network)
      for (const { remote, what } of socketsOf(pidOf(network)!)) expect(remote, what).toMatch(/^(?:0100007F|0+):/)
      const lookups = read(network, join('logs', 'bitcoin', network, 'lnd.log'))
        .split('\n')
        .filter((line) => /DNS discovery/.test(line))
      expect(lookups.length).toBeGreaterThan(0)
      for (const line of lookups) expect(line).toMatch(/dial tcp 127\.0\.0\.1:1: connect: connection refused$/)
      expect(read(network, 'lnd.conf')).toMatch(/^nobootstrap=1$/m)
      kill(network)
    },
  )
})

/** The IPv4 and IPv6 sockets of a process, by the addresses of their other ends (proc(5)). */
function socketsOf(pid: number): Array<{ readonly remote: string; readonly what: string }> {
  const mine = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
      } catch {
        return undefined
      }
    }),
  )
  return ['tcp', 'udp', 'tcp6', 'udp6'].flatMap((what) =>
    readFileSync(`/proc/${pid}/net/${what}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields.length > 9 && mine.has(fields[9]))
      .map((fields) => ({ remote: fields[2]!, what })),
  )
}
