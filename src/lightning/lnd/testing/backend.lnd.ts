import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cancelHodlInvoice, getInvoices, grantAccess } from 'lightning'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLnd } from '../../../../lightning-net/lnd.ts'
import { sharedNet } from '../../../../lightning-net/sharedNet.ts'
import { msat, sat } from '../../../money/msat.ts'
import { nodeContract } from '../../node.contract.ts'
import type { LightningNode, PaymentOutcome, Settlement } from '../../node.ts'
import { createLndNode, parseLndSpec } from '../index.ts'

const { net, skip } = await sharedNet()

describe.skipIf(skip)(`real LND nodes${skip ? ` (skipped: ${skip})` : ''}`, () => {
  nodeContract('LND', async () => {
    const [payer, payee] = await Promise.all([createLndNode(net!.alice), createLndNode(net!.bob)])
    return { payer, payee, teardown: async () => void (await Promise.all([payer.close(), payee.close()])) }
  })

  nodeContract('LND, a light client paying,', async () => {
    const [payer, payee] = await Promise.all([createLndNode(net!.bob), createLndNode(net!.alice)])
    return { payer, payee, teardown: async () => void (await Promise.all([payer.close(), payee.close()])) }
  })

  describe('what only LND does', () => {
    let alice: LightningNode
    let bob: LightningNode
    let carol: LightningNode
    beforeAll(async () => {
      alice = await createLndNode(parseLndSpec(net!.alice.spec))
      bob = await createLndNode(net!.bob)
      carol = await createLndNode({ ...net!.carol, network: 'regtest' })
    })
    afterAll(async () => void (await Promise.all([alice, bob, carol].map((node) => node.close()))))

    const invoiceOf = async (node: LightningNode, amount: bigint): Promise<string> => {
      const [invoice] = await node.createInvoices([{ amount: msat(amount), description: '', expiresInSeconds: 600 }])
      return invoice!.request
    }
    const pay = (request: string, maxFee: bigint): Promise<PaymentOutcome> =>
      alice.pay({ request, maxFee: msat(maxFee), timeoutMs: 20_000 })

    it('tells what its channels can move, without reserves', async () => {
      const info = await alice.info()
      expect(info).toMatchObject({ kind: 'lnd', network: 'regtest', alias: 'alice', publicKey: net!.alice.publicKey })
      const total = info.canSend + info.canReceive
      expect(total).toBeLessThan(sat(16_000_000))
      expect(total).toBeGreaterThan(sat(15_000_000))
    })

    it('pays through another node, for a fee to the msat', async () => {
      // LND's default: 1 sat and one millionth.
      const outcome = await pay(await invoiceOf(carol, 50_000_001n), 1050n)
      expect(outcome).toMatchObject({ status: 'settled', fee: 1050n })
    })

    it('tells a fee above the cap from no route at all', async () => {
      const request = await invoiceOf(carol, 50_000_000n)
      expect(await pay(request, 1049n)).toMatchObject({ status: 'failed', reason: 'fee-too-high' })
      expect(await pay(request, 1050n)).toMatchObject({ status: 'settled' })
    })

    it('fails at once when a channel further on is too small', async () => {
      const started = Date.now()
      const outcome = await pay(await invoiceOf(carol, 3_000_000_000n), 10_000_000n)
      expect(outcome).toMatchObject({ status: 'failed', reason: 'no-route' })
      expect(Date.now() - started).toBeLessThan(10_000)
    })

    it('refuses an invoice that its payee has cancelled', async () => {
      const [invoice] = await bob.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 600 }])
      await cancelHodlInvoice({ lnd: await openLnd(net!.bob), id: invoice!.paymentHash })
      expect(await pay(invoice!.request, 0n)).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
    })

    it('does not pay itself', async () => {
      expect(await pay(await invoiceOf(alice, 1000n), 0n)).toMatchObject({ status: 'failed', reason: 'payment-failed' })
    })

    it('makes no invoice without an amount, or with a description that does not fit', async () => {
      const make = (amount: bigint, description: string) =>
        bob.createInvoices([{ amount: msat(amount), description, expiresInSeconds: 60 }])
      await expect(make(0n, '')).rejects.toMatchObject({ code: 'amount-out-of-range' })
      await expect(make(1n, '½'.repeat(320))).rejects.toMatchObject({ code: 'option-invalid' })
      expect(await make(1n, '½'.repeat(319))).toHaveLength(1)
    })

    it('tells every settlement from the first on, as LND itself lists them', async () => {
      const lnd = await openLnd(net!.bob)
      const { invoices } = await getInvoices({ lnd, limit: 1000 })
      const listed = invoices
        .filter((invoice) => invoice.is_confirmed)
        .map(({ id, received_mtokens }) => ({ paymentHash: id, amount: BigInt(received_mtokens) }))
      expect(listed.length).toBeGreaterThan(20)
      const told: Settlement[] = []
      const end = bob.subscribeSettlements(0n, (settlement) => told.push(settlement), failTest)
      await expect.poll(() => told.length, { timeout: 10_000 }).toBe(listed.length)
      end()
      // Nothing else has been settled on this node: the indexes have no gap.
      expect(told.map(({ index }) => index)).toEqual(told.map((_, i) => BigInt(i + 1)))
      const byHash = (some: readonly { paymentHash: string }[]) =>
        some.map((one) => ({ ...one, index: 0n })).toSorted((a, b) => (a.paymentHash < b.paymentHash ? -1 : 1))
      expect(byHash(told)).toEqual(byHash(listed))
    })
  })

  describe('access', () => {
    let dir: string
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), 'streampay-lnd-'))
    })
    afterAll(() => rmSync(dir, { recursive: true }))

    const file = (name: string, content: string | Buffer): string => {
      const path = join(dir, name)
      writeFileSync(path, content)
      return path
    }
    const baked = async (name: string, permissions: string[]): Promise<string> => {
      const { macaroon } = await grantAccess({ lnd: await openLnd(net!.alice), permissions })
      return file(name, Buffer.from(macaroon, 'base64'))
    }

    it('does all of it with the permissions that are documented', async () => {
      const seller = await createLndNode({
        ...net!.alice,
        macaroon: await baked('seller', [
          'info:read',
          'offchain:read',
          'invoices:read',
          'invoices:write',
          'message:write',
        ]),
      })
      const bob = await createLndNode(net!.bob)
      const [invoice] = await seller.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
      const told: Settlement[] = []
      const end = seller.subscribeSettlements(0n, (settlement) => told.push(settlement), failTest)
      await bob.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: 10_000 })
      await expect.poll(() => told.at(-1)?.paymentHash, { timeout: 10_000 }).toBe(invoice!.paymentHash)
      expect(await seller.signMessage('statement')).toMatch(/^[a-z0-9]{104}$/)
      expect(await seller.info()).toMatchObject({ alias: 'alice' })
      end()
      await seller.close()

      const macaroon = await baked('buyer', ['info:read', 'offchain:read', 'offchain:write'])
      const buyer = await createLndNode({ ...net!.alice, macaroon })
      const [other] = await bob.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }])
      const outcome = await buyer.pay({ request: other!.request, maxFee: sat(0), timeoutMs: 10_000 })
      expect(outcome).toMatchObject({ status: 'settled' })
      expect(await buyer.lookupPayment(other!.paymentHash)).toEqual(outcome)
      await Promise.all([buyer.close(), bob.close()])
    })

    it('is denied what its macaroon does not allow', async () => {
      const node = await createLndNode({
        ...net!.alice,
        macaroon: await baked('reader', ['info:read', 'invoices:read']),
      })
      const denied = { code: 'node-denied' }
      const request = 'lnbcrt1'
      await expect(node.pay({ request, maxFee: sat(0), timeoutMs: 1000 })).rejects.toMatchObject(denied)
      await expect(node.lookupPayment('00'.repeat(32))).rejects.toMatchObject(denied)
      await expect(node.signMessage('x')).rejects.toMatchObject(denied)
      await expect(
        node.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 60 }]),
      ).rejects.toMatchObject(denied)
      await node.close()
    })

    it('says what is wrong with the files, the address or the network, and nothing of what is in them', async () => {
      const { alice, bob } = net!
      const cases = [
        [{ macaroon: bob.macaroon }, 'node-denied'],
        [{ macaroon: file('empty', '') }, 'node-denied'],
        [{ macaroon: file('text', 'not a macaroon') }, 'node-denied'],
        [{ macaroon: join(dir, 'none') }, 'node-spec-invalid'],
        [{ cert: bob.cert }, 'node-unreachable'],
        [{ cert: file('cert', 'not a certificate') }, 'node-unreachable'],
        [{ socket: 'localhost:1' }, 'node-unreachable'],
        [{ socket: 'nowhere.invalid:10009' }, 'node-unreachable'],
        [{ network: 'mainnet' as const }, 'network-mismatch'],
      ] as const
      const secret = (await readFile(alice.macaroon)).toString('hex').slice(0, 32)
      for (const [wrong, code] of cases) {
        const error: Error = await createLndNode({ ...alice, ...wrong }).then(
          () => expect.unreachable(JSON.stringify(wrong)),
          (reason) => reason,
        )
        expect(error, JSON.stringify(wrong)).toMatchObject({ code })
        expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(secret)
      }
    })

    it('is of no use once it is closed', async () => {
      const node = await createLndNode(net!.alice)
      await node.close()
      await expect(node.info()).rejects.toMatchObject({ code: 'node-unreachable' })
      await expect(node.pay({ request: '', maxFee: sat(0), timeoutMs: 1 })).rejects.toMatchObject({
        code: 'node-unreachable',
      })
    })
  })
})

const failTest = (error: Error): void => expect.unreachable(error.message)
