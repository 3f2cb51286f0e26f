import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { SharedLightningNet } from '../../lightning-net/shared.ts'
import { amount, commands, expectKept, type Running, tempFolder } from '../cli/command.ts'
import { Stage } from './stage.ts'

/* One gateway that three wallets earn by: its own, another that is paid for a route, and a recipient of a split. */
const { net, skip }: SharedLightningNet = inject('lightningNet')
const home = tempFolder()
const buyer = commands(join(home, 'buyer'))
const sellers = commands(join(home, 'seller'))

describe.skipIf(skip)(`wallets of a gateway${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let alice: Stage
  let bob: Stage
  let carol: Stage
  let seller: Running
  let url: string
  beforeAll(async () => {
    ;[alice, bob, carol] = await Promise.all([
      Stage.open(net!.alice, { notifies: true }),
      Stage.open(net!.bob, { notifies: true }),
      Stage.open(net!.carol, { notifies: true }),
    ])
    mkdirSync(join(home, 'shop'))
    writeFileSync(join(home, 'shop', 'song.bin'), Buffer.alloc(50_000, 7))
    // Beside the configuration, which names them so.
    copyFileSync(bob.file, join(home, 'bob.nwc'))
    copyFileSync(carol.file, join(home, 'carol.nwc'))
    const file = join(home, 'streampay.config.yaml')
    writeFileSync(
      file,
      `listen: { port: 0 }
node: nwc:./bob.nwc
recipients:
  carol: { node: nwc:./carol.nwc, threshold: 1 sat, interval: 1ms }
  host: { node: nwc:./bob.nwc, threshold: 1 sat, interval: 1ms }
routes:
  - { name: shared, path: /shared/**, folder: ./shop, price: 1 sat/KB, split: { house: 25%, carol: 75% } }
  - name: guest
    path: /guest/**
    folder: ./shop
    price: 1 sat/KB
    payee: { node: nwc:./carol.nwc }
    split: { guest: 90%, host: 10% }
`,
    )
    seller = sellers.start('sell', '--config', file, '--json')
    url = (await seller.event('selling')).url as string
  })
  afterAll(() => Promise.all([alice, bob, carol].map((stage) => stage?.close())))

  const buy = async (path: string) => {
    const nodes = ['--node', `nwc:${alice.file}`, '--ahead', '20 sat']
    const bought = await buyer.run('get', url + path, '-o', join(home, 'song'), '--json', ...nodes)
    expect(bought.code, bought.stderr).toBe(0)
    expectKept(bought.last)
    expect(amount(bought.last.delivered)).toBe(50_000n)
    return bought.last
  }
  const payee = async (agreement: unknown) => {
    const proof = join(home, 'proof.json')
    const proven = await buyer.run('statement', agreement as string, '-o', proof, '--json')
    expect(proven.last).toMatchObject({ verdict: 'proven' })
    return proven.last.payee
  }
  /** What arrived at a node for payouts. */
  const paidOut = async (stage: Stage): Promise<bigint> => {
    const invoices = await stage.wallet.node.listInvoices({ limit: 100 })
    return invoices
      .filter(({ description }) => description?.startsWith('payout to'))
      .reduce((sum, { received }) => sum + received, 0n)
  }
  const until = (recipient: string) => seller.event('payout-settled', (event) => event.recipient === recipient)

  test('a route is paid to the gateway’s own wallet, and a part of it on to the recipient’s', async () => {
    const { agreement } = await buy('/shared/song.bin')
    expect(await payee(agreement)).toBe(net!.bob.publicKey)
    await until('carol')
    const standing = (await sellers.run('payouts', '--json')).events.find(({ recipient }) => recipient === 'carol')!
    expect(amount(standing.earned)).toBe(37_500n)
    expect(amount(standing.paid)).toBe(await paidOut(carol))
  })

  test('a route with a payee is paid to that wallet, and it pays out what is split of it', async () => {
    const { agreement } = await buy('/guest/song.bin')
    expect(await payee(agreement)).toBe(net!.carol.publicKey)
    await until('host')
    expect(await paidOut(bob)).toBe(5000n)
  })

  test('each has its own book, and the commands show them all', async () => {
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(0)
    const { events } = await sellers.run('payouts', '--json')
    const recipients = events.filter(({ event }) => event === 'recipient')
    expect(recipients.map(({ recipient, earned, kept }) => ({ recipient, earned, kept }))).toEqual(
      expect.arrayContaining([
        { recipient: 'carol', earned: '37500', kept: false },
        { recipient: 'house', earned: '12500', kept: true },
        { recipient: 'host', earned: '5000', kept: false },
        { recipient: 'guest', earned: '45000', kept: true },
      ]),
    )
    expect(new Set(recipients.map(({ seller: name }) => name)).size).toBe(2)
  })
})
