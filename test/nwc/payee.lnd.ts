import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { amount, commands, expectKept, type Running, sleep, tempFolder } from '../cli/command.ts'
import { Stage } from './stage.ts'

/* One gateway that three wallets earn by: its own, another that is paid for a route, and a recipient of a split. */
const { net, skip } = await sharedNet()
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
    // To carol it is two hops, and the first takes a sat for each payment, however small.
    const paying = ['--node', `nwc:${alice.file}`, '--ahead', '20 sat', '--max-fee', '100%']
    const bought = await buyer.run('get', url + path, '-o', join(home, 'song'), '--json', ...paying)
    expect(bought.code, JSON.stringify(bought.error)).toBe(0)
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
  /** Whole sats are paid out, in one payout or several. */
  const arrives = async (stage: Stage, whole: bigint) => {
    for (const end = Date.now() + 60_000; (await paidOut(stage)) < whole && Date.now() < end; ) await sleep(100)
    expect(await paidOut(stage)).toBe(whole)
  }

  test('a route is paid to the gateway’s own wallet, and a part of it on to the recipient’s', async () => {
    const { agreement } = await buy('/shared/song.bin')
    expect(await payee(agreement)).toBe(net!.bob.publicKey)
    await arrives(carol, 37_000n)
    await seller.event('payout-settled', ({ recipient }) => recipient === 'carol')
  })

  test('a route with a payee is paid to that wallet, and it pays out what is split of it', async () => {
    const { agreement } = await buy('/guest/song.bin')
    expect(await payee(agreement)).toBe(net!.carol.publicKey)
    await arrives(bob, 5000n)
  })

  test('each has its own book, and the commands show them all', async () => {
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(0)
    const { events } = await sellers.run('payouts', '--json')
    const recipients = events.filter(({ event }) => event === 'recipient')
    expect(recipients.map(({ recipient, earned, paid, kept }) => ({ recipient, earned, paid, kept }))).toEqual(
      expect.arrayContaining([
        { recipient: 'carol', earned: '37500', paid: '37000', kept: false },
        { recipient: 'house', earned: '12500', paid: '0', kept: true },
        { recipient: 'host', earned: '5000', paid: '5000', kept: false },
        { recipient: 'guest', earned: '45000', paid: '0', kept: true },
      ]),
    )
    expect(new Set(recipients.map(({ seller: name }) => name)).size).toBe(2)
  })
})
