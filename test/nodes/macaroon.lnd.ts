import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AuthenticatedLnd,
  authenticatedLndGrpc,
  cancelHodlInvoice,
  closeChannel,
  getChannels,
  getWalletInfo,
  grantAccess,
  openChannel,
  sendToChainAddress,
  signMessage,
  updateRoutingFees,
} from 'lightning'
import { beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { sat } from '../../src/money/msat.ts'
import { amount, commands, type Event, expectKept, type Result, tempFolder } from '../cli/command.ts'

const { net, skip } = await sharedNet()
const home = tempFolder()
const { run } = commands(home)

type Authenticated = { readonly lnd: AuthenticatedLnd }

describe.skipIf(skip)(`macaroons of least privilege${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const file = (name: string): string => join(home, name)
  const bake = (node: 'alice' | 'bob', role: string, name: string, ...more: string[]): Promise<Result> =>
    run('node', 'macaroon', '--for', role, '--node', net![node].spec, '--save', file(name), '--json', ...more)
  const nodeWith = (node: 'alice' | 'bob', name: string) => createLndNode({ ...net![node], macaroon: file(name) })
  const base64 = (path: string): string => readFileSync(path).toString('base64')
  const lndWith = (node: 'alice' | 'bob', name: string): AuthenticatedLnd => {
    const { cert, socket } = net![node]
    return (
      authenticatedLndGrpc({ cert: base64(cert), macaroon: base64(file(name)), socket }) as unknown as Authenticated
    ).lnd
  }
  let baked: Event

  beforeAll(async () => {
    const results = await Promise.all([
      bake('bob', 'seller', 'seller'),
      bake('bob', 'seller', 'seller-keeps', '--no-returns'),
      bake('alice', 'buyer', 'buyer'),
      bake('alice', 'buyer', 'buyer-gives', '--no-returns'),
    ])
    for (const { code, stderr } of results) expect(code, stderr).toBe(0)
    baked = results[0]!.last
  })

  test('are files of their owner alone, and nothing of them is shown', () => {
    expect(baked).toMatchObject({ event: 'macaroon', for: 'seller', returns: true, file: file('seller') })
    for (const name of ['seller', 'seller-keeps', 'buyer', 'buyer-gives']) {
      expect(statSync(file(name)).mode & 0o777).toBe(0o600)
      expect(JSON.stringify(baked)).not.toContain(readFileSync(file(name)).toString('hex').slice(0, 40))
    }
  })

  test('are not written over by accident', async () => {
    const before = readFileSync(file('buyer'))
    const again = await bake('alice', 'buyer', 'buyer')
    expect(again).toMatchObject({ code: 2, error: { code: 'option-invalid' } })
    expect(readFileSync(file('buyer')).equals(before)).toBe(true)
    writeFileSync(file('old'), 'open to all', { mode: 0o644 })
    expect((await bake('alice', 'buyer', 'old', '--force')).code).toBe(0)
    expect(statSync(file('old')).mode & 0o777).toBe(0o600)
    expect(readFileSync(file('old')).equals(before)).toBe(false)
  })

  test.each([
    ['bob', 'seller'],
    ['bob', 'seller-keeps'],
    ['alice', 'buyer'],
    ['alice', 'buyer-gives'],
  ] as const)('of %s, %s: no channel, no coin, no fee, no further macaroon', async (node, name) => {
    const lnd = lndWith(node, name)
    const other = net![node === 'bob' ? 'alice' : 'bob'].publicKey
    const [channel] = (await getChannels({ lnd })).channels
    const denied: Array<Promise<unknown>> = [
      openChannel({ lnd, partner_public_key: other, local_tokens: 100_000 }),
      closeChannel({ lnd, id: channel!.id }),
      sendToChainAddress({ lnd, address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', tokens: 10_000 }),
      updateRoutingFees({ lnd, fee_rate: 1 }),
      cancelHodlInvoice({ lnd, id: '00'.repeat(32) }),
      grantAccess({ lnd, permissions: ['info:read'] }),
    ]
    for (const refusal of await Promise.allSettled(denied)) {
      expect(JSON.stringify((refusal as PromiseRejectedResult).reason)).toMatch(/permission ?denied/i)
    }
    expect((await getWalletInfo({ lnd })).public_key).toBe(net![node].publicKey)
  })

  test('a seller that pays no returns pays nothing, and a buyer signs nothing', async () => {
    const [keeps, gives, buyer] = await Promise.all([
      nodeWith('bob', 'seller-keeps'),
      nodeWith('alice', 'buyer-gives'),
      nodeWith('alice', 'buyer'),
    ])
    const one = [{ amount: sat(1), description: 'x', expiresInSeconds: 60 }]
    const denied = { code: 'node-denied' }
    const [back] = await buyer.createInvoices(one)
    await expect(keeps.pay({ request: back!.request, maxFee: sat(0), timeoutMs: 5000 })).rejects.toMatchObject(denied)
    await expect(gives.createInvoices(one)).rejects.toMatchObject(denied)
    await expect(gives.signMessage('x')).rejects.toMatchObject(denied)
    await expect(buyer.signMessage('x')).rejects.toMatchObject(denied)
    await expect(signMessage({ lnd: lndWith('alice', 'buyer'), message: 'x' })).rejects.toBeDefined()
    // What is theirs they can do: the one is paid by the other.
    const [invoice] = await keeps.createInvoices(one)
    const paid = await gives.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: 20_000 })
    expect(paid).toMatchObject({ status: 'settled' })
    expect(await gives.lookupPayment(invoice!.paymentHash)).toEqual(paid)
    await Promise.all([keeps.close(), gives.close(), buyer.close()])
  })

  test('the commands sell, buy and give back with them, and say nothing of what is in them', async () => {
    const folder = file('folder')
    mkdirSync(folder)
    writeFileSync(join(folder, 'film.bin'), Buffer.alloc(300_000, 7))
    const settings = (node: 'alice' | 'bob', name: string) =>
      commands(home, {
        STREAMPAY_NODE: 'lnd',
        STREAMPAY_LND_CERT: net![node].cert,
        STREAMPAY_LND_MACAROON: file(name),
        STREAMPAY_LND_SOCKET: net![node].socket,
        STREAMPAY_DEBUG: '1',
      })
    const { seller, url } = await settings('bob', 'seller').sell(folder, '1 sat/s')
    const buyer = settings('alice', 'buyer')
    // The first payment is more than a moment's work costs: the rest comes back.
    const bought = await buyer.run('get', `${url}/film.bin`, '-o', file('film.bin'), '--json', '--ahead', '200 sat')
    expect(bought.code, bought.stderr).toBe(0)
    expectKept(bought.last)
    expect(bought.last).toMatchObject({ return: 'settled' })
    expect(amount(bought.last.returned)).toBeGreaterThan(0n)
    // Also where it goes wrong: the buyer's macaroon cannot sell.
    const wrong = buyer.start('sell', folder, '--price', '1 sat/KiB', '--port', '0', '--json')
    expect(await wrong.event('trouble')).toMatchObject({ code: 'node-denied' })
    wrong.signal('SIGINT')
    const denied = await wrong.end()
    const known = await buyer.run(
      'node',
      'macaroon',
      '--for',
      'seller',
      '--node',
      'lnd',
      '--save',
      file('more'),
      '--json',
    )
    expect(known).toMatchObject({ code: 8, error: { code: 'node-denied' } })
    seller.signal('SIGINT')
    const sold = await seller.end()
    const said = [bought, denied, known, sold].map(({ stdout, stderr }) => stdout.toString() + stderr).join('\n')
    for (const name of ['seller', 'buyer']) {
      const bytes = readFileSync(file(name))
      // What all macaroons of an LND share comes first; what makes this one a secret is at its end.
      const secret = bytes.subarray(-24)
      for (const text of [
        secret.toString('hex'),
        secret.toString('base64').slice(0, 30),
        secret.toString('base64url'),
      ]) {
        expect(said).not.toContain(text)
      }
    }
  })

  test('end when their root key is deleted, and no other ends', async () => {
    expect((await bake('alice', 'buyer', 'ended')).code).toBe(0)
    const made = await bake('alice', 'buyer', 'ended', '--force')
    const admin = authenticatedLndGrpc({
      cert: base64(net!.alice.cert),
      macaroon: base64(net!.alice.macaroon),
      socket: net!.alice.socket,
    }) as unknown as {
      lnd: { default: { deleteMacaroonId: (request: object, done: (error: unknown) => void) => void } }
    }
    await new Promise<void>((done, failed) =>
      admin.lnd.default.deleteMacaroonId({ root_key_id: `${made.last.rootKeyId}` }, (error) =>
        error ? failed(error) : done(),
      ),
    )
    await expect(nodeWith('alice', 'ended')).rejects.toMatchObject({ code: 'node-denied' })
    await (await nodeWith('alice', 'buyer')).close()
  })
})
