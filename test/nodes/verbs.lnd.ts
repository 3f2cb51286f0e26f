import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHodlInvoice, getInvoice, settleHodlInvoice } from 'lightning'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLnd } from '../../lightning-net/lnd.ts'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { bakeMacaroon, createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { type ManagedNode, macaroonOf, nodeFolder, saveManaged } from '../../src/nodectl/managed/record.ts'
import { foreignInvoice } from '../../src/wire/testing/invoice.ts'
import { commands, type Event, type Result, tempFolder } from '../cli/command.ts'

const { net, skip } = await sharedNet()
const home = tempFolder()
const { start, run } = commands(home)
const PAIRS = [
  ['alice', 'bob'],
  ['bob', 'alice'],
] as const
type Name = 'alice' | 'bob'

describe.skipIf(skip)(`invoices and payments by hand on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const json = (...args: string[]): Promise<Result> => run(...args, '--json')
  const create = async (node: string, ...args: string[]): Promise<Event> => {
    const { code, stderr, last } = await json('invoice', 'create', ...args, '--node', node)
    expect(code, stderr).toBe(0)
    return last
  }
  /** With an operator's macaroon, to look at what a role may not see. */
  const looking = async <T>(name: Name, look: (node: LightningNode) => Promise<T>): Promise<T> => {
    const node = await createLndNode(net![name])
    return look(node).finally(() => node.close())
  }

  // As `node up` would have made them: the shared network's nodes under names, with a baked macaroon for each role.
  beforeAll(async () => {
    for (const name of ['alice', 'bob'] as const) {
      const { cert, socket } = net![name]
      const dir = nodeFolder(join(home, 'state'), name)
      mkdirSync(dir, { recursive: true })
      copyFileSync(cert, join(dir, 'tls.cert'))
      const rpcPort = Number(socket.slice(socket.lastIndexOf(':') + 1))
      const node: ManagedNode = {
        ...{ name, dir, rpcPort, network: 'regtest', backend: 'btcd', peerPort: 9735 },
        ...{ chainPeers: [], program: 'lnd', lab: true },
      }
      saveManaged(node)
      for (const role of ['seller', 'buyer'] as const) {
        const { bytes } = await bakeMacaroon(net![name], role, true)
        writeFileSync(macaroonOf(node, role), bytes, { mode: 0o600 })
      }
    }
  })

  test.each(PAIRS)('%s pays %s: made, waited for, read, paid, shown and listed', async (payer, payee) => {
    const making = start(
      ...['invoice', 'create', '50 sat', '--description', 'tea ½', '--wait', '--node', payee, '--json'],
    )
    const made = await making.event('invoice')
    expect(made).toMatchObject({ network: 'regtest', amount: '50000', payee: net![payee].publicKey })
    expect((await json('decode', made.request as string)).last).toMatchObject({
      paymentHash: made.paymentHash,
      description: 'tea ½',
      features: expect.arrayContaining([{ bit: 8, name: 'var_onion_optin', required: true }]),
    })
    const paid = await json('pay', made.request as string, '--node', payer)
    expect(paid, paid.stderr).toMatchObject({ code: 0, last: { status: 'settled', amount: '50000', before: false } })
    const { code, last } = await making.end()
    expect([code, last.received]).toEqual([0, '50000'])
    expect((await json('invoice', 'show', made.request as string, '--node', payee)).last).toMatchObject({
      status: 'settled',
    })
    const [newest] = (await json('invoice', 'list', '--limit', '1', '--node', payee)).events
    expect(newest).toMatchObject({ paymentHash: made.paymentHash, status: 'settled' })
    // Again: told with its proof, and not paid.
    const again = await json('pay', made.request as string, '--node', payer)
    expect(again.last).toMatchObject({ before: true, preimage: paid.last.preimage })
    // Also by who has no journal of it: LND itself knows.
    const other = commands(tempFolder(), { STREAMPAY_HOME: join(home, 'other') })
    const { spec } = net![payer]
    expect((await other.run('pay', made.request as string, '--node', spec, '--json')).last).toMatchObject({
      before: true,
    })
  })

  test.each(PAIRS)('%s pays %s any amount that is said, and a keysend', async (payer, payee) => {
    const tips = await create(payee, 'any', '--description', 'tips')
    const paid = await json('pay', tips.request as string, '--amount', '7.001 sat', '--node', payer)
    expect(paid, paid.stderr).toMatchObject({ code: 0, last: { amount: '7001' } })
    const shown = await json('invoice', 'show', tips.paymentHash as string, '--node', payee)
    expect(shown.last).toMatchObject({ status: 'settled', received: '7001' })
    expect(shown.last).not.toHaveProperty('amount')

    const sent = await json('keysend', net![payee].publicKey, '3 sat', '--node', payer)
    expect(sent, sent.stderr).toMatchObject({ code: 0, last: { status: 'settled', amount: '3000' } })
    const hash = sent.last.paymentHash as string
    expect((await json('invoice', 'show', hash, '--node', payee)).last).toMatchObject({ received: '3000', request: '' })
    expect(await looking(payer, (node) => node.lookupPayment(hash))).toMatchObject({ preimage: sent.last.preimage })
  })

  test.each(['alice', 'bob'] as const)('%s pays nothing that is of another network than its own', async (payer) => {
    const { alias, canSend } = await looking(payer, (node) => node.info())
    const refusals = (['mainnet', 'testnet', 'signet', 'simnet'] as const).map(async (network) => {
      const paymentHash = randomBytes(32).toString('hex')
      const { code, error } = await json('pay', foreignInvoice({ network, paymentHash }), '--node', payer, '--yes')
      expect([code, error?.code, error?.message]).toEqual([
        9,
        'network-mismatch',
        `the invoice is on ${network}, and node ${alias} on regtest`,
      ])
      expect(await looking(payer, (node) => node.lookupPayment(paymentHash))).toBeUndefined()
    })
    await Promise.all(refusals)
    expect((await looking(payer, (node) => node.info())).canSend).toBe(canSend)
  })

  test('what cannot be paid says why, and what to do', async () => {
    const own = await create('alice', '1 sat')
    const expired = await create('bob', '1 sat', '--expires', '1s')
    const large = await create('bob', '15 900 000 sat')
    const cases: [string, string[], string, number][] = [
      ['no route', ['pay', foreignInvoice()], 'no-route', 5],
      ['no funds', ['pay', large.request as string], 'balance-insufficient', 5],
      ['own', ['pay', own.request as string], 'invoice-invalid', 6],
      ['to itself', ['keysend', net!.alice.publicKey, '1 sat'], 'option-invalid', 2],
      [
        'to nobody',
        ['keysend', `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`, '1 sat'],
        'no-route',
        5,
      ],
      ['too little', ['keysend', net!.bob.publicKey, '0 sat'], 'amount-out-of-range', 2],
      ['too much', ['keysend', net!.bob.publicKey, '22000000 BTC'], 'amount-out-of-range', 2],
      ['expired', ['pay', expired.request as string], 'invoice-invalid', 6],
    ]
    const tried = cases.map(async ([what, args, code, exit]) => {
      const result = await json(...args, '--node', 'alice')
      expect(result.error, what).toMatchObject({ code, hint: expect.stringMatching(/\w/) })
      expect(result.code, what).toBe(exit)
    })
    await Promise.all(tried)
  })

  test('a payment that its payee holds is unknown, counts as spent, and is told of when it ends', async () => {
    const lnd = await openLnd(net!.bob)
    const secret = randomBytes(32)
    const id = createHash('sha256').update(secret).digest('hex')
    const { request } = await createHodlInvoice({ lnd, id, tokens: 4 })
    const pay = (timeout: string) => json('pay', request, '--node', 'alice', '--timeout', timeout)
    const entry = async () => (await json('history', '--payments')).events.find(({ paymentHash }) => paymentHash === id)
    const unknown = { code: 10, error: { code: 'payment-unknown', hint: expect.stringContaining('recover') } }
    const killed = start('pay', request, '--node', 'alice', '--json')
    await killed.event('paying')
    await expect.poll(async () => (await getInvoice({ lnd, id })).is_held, { timeout: 20_000 }).toBe(true)
    // While it runs, nobody else follows its payment.
    expect(await pay('1s')).toMatchObject({
      ...unknown,
      error: { message: expect.stringContaining('another command') },
    })
    killed.signal('SIGKILL')
    await killed.end()
    expect(await pay('1s')).toMatchObject(unknown)
    expect(await entry()).toMatchObject({ status: 'pending', amount: '4000' })
    await settleHodlInvoice({ lnd, secret: secret.toString('hex') })
    const { code, last } = await pay('30s')
    expect([code, last]).toMatchObject([0, { before: true, preimage: secret.toString('hex') }])
    expect(await entry()).toMatchObject({ status: 'settled' })
    expect((await getInvoice({ lnd, id })).received_mtokens).toBe('4000')
  })

  test('a macaroon of the other role is told, and nothing counts as spent', async () => {
    const { cert, socket } = net!.alice
    const wrong = (role: 'seller' | 'buyer') =>
      commands(home, {
        STREAMPAY_NODE: 'lnd',
        STREAMPAY_LND_CERT: cert,
        STREAMPAY_LND_MACAROON: join(nodeFolder(join(home, 'state'), 'alice'), `${role}.macaroon`),
        STREAMPAY_LND_SOCKET: socket,
      })
    const { bytes } = await bakeMacaroon(net!.alice, 'seller', false)
    writeFileSync(join(home, 'sells'), bytes)
    const sells = commands(home, {
      ...{ STREAMPAY_NODE: 'lnd', STREAMPAY_LND_CERT: cert, STREAMPAY_LND_SOCKET: socket },
      STREAMPAY_LND_MACAROON: join(home, 'sells'),
    })
    const { request } = await create('bob', '2 sat')
    const denied = { code: 8, error: { code: 'node-denied' } }
    expect(await sells.run('pay', request as string, '--json')).toMatchObject(denied)
    expect(await sells.run('keysend', net!.bob.publicKey, '2 sat', '--json')).toMatchObject(denied)
    expect(await wrong('buyer').run('invoice', 'list', '--json')).toMatchObject(denied)
    const open = (await json('history', '--payments')).events.filter(({ status }) =>
      /pending|unknown/.test(String(status)),
    )
    expect(open).toEqual([])
    expect(await json('pay', request as string, '--node', 'alice')).toMatchObject({ code: 0, last: { before: false } })
  })

  test('a node of no such name is told', async () => {
    const { code, error } = await json('invoice', 'list', '--node', 'nobody')
    expect([code, error?.code]).toEqual([2, 'node-spec-invalid'])
    expect(error?.message).toContain('node up')
  })
})
