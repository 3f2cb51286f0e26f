import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, randomBytes } from '@noble/hashes/utils.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Msat, msat, sat } from '../money/msat.ts'
import { decodeInvoice } from '../wire/bolt11.ts'
import { type InvoiceParts, makeInvoice } from '../wire/testing/invoice.ts'
import type { Invoice, LightningNode, PaymentOutcome, Settlement } from './node.ts'

/** Two nodes of a backend, with a channel through which `payer` can send at least 100 000 sat to `payee`. */
export interface NodeContractSetup {
  readonly payer: LightningNode
  readonly payee: LightningNode
  teardown(): Promise<void>
}

const TIMEOUT_MS = 30_000
const MAX_FEE = sat(10)
const ZBASE32 = 'ybndrfg8ejkmcpqxot1uwisza345h769'

/** What every Lightning backend has to do. Run by each of them on real nodes. */
/** What a node answers that says beforehand that it cannot (`NodeInfo.abilities`). */
const UNABLE = { code: 'node-unable' }

export function nodeContract(name: string, setup: () => Promise<NodeContractSetup>): void {
  describe(`${name} as a Lightning node`, () => {
    let payer: LightningNode
    let payee: LightningNode
    let teardown: (() => Promise<void>) | undefined

    beforeAll(async () => {
      const nodes = await setup()
      payer = nodes.payer
      payee = nodes.payee
      teardown = nodes.teardown
    })
    afterAll(() => teardown?.())

    const invoice = async (amount: Msat, description = 'contract', expiresInSeconds = 600): Promise<Invoice> => {
      const [made] = await payee.createInvoices([{ amount, description, expiresInSeconds }])
      return made!
    }
    const pay = (request: string, maxFee = MAX_FEE, timeoutMs = TIMEOUT_MS): Promise<PaymentOutcome> =>
      payer.pay({ request, maxFee, timeoutMs })
    const keysend = async (amount: Msat, preimage: string, publicKey?: string): Promise<PaymentOutcome> =>
      payer.keysend({
        publicKey: publicKey ?? (await payee.info()).publicKey,
        amount,
        preimage,
        maxFee: MAX_FEE,
        timeoutMs: TIMEOUT_MS,
      })
    /** An invoice of a node that nobody knows, on the payer's network. */
    const strangersInvoice = async (parts: Partial<InvoiceParts> = { amount: 1000n }): Promise<Invoice> => {
      const paymentHash = bytesToHex(randomBytes(32))
      const request = makeInvoice({
        privateKey: secp256k1.utils.randomSecretKey(),
        network: (await payer.info()).network,
        paymentHash,
        description: '',
        createdAtMs: Date.now(),
        expiresInSeconds: 600,
        ...parts,
      })
      return { request, paymentHash }
    }

    it('tells who it is and what it can move', async () => {
      const [from, to] = await Promise.all([payer.info(), payee.info()])
      expect(from.publicKey).toMatch(/^0[23][0-9a-f]{64}$/)
      expect(from.publicKey).not.toBe(to.publicKey)
      expect(from.network).toBe(to.network)
      expect(from.canSend).toBeGreaterThanOrEqual(sat(100_000))
      expect(to.canReceive).toBeGreaterThanOrEqual(sat(100_000))
    })

    it('creates a batch of invoices in the order asked for', async () => {
      const requests = [1n, 999n, 1000n, 250_000n, 1_234_567n].map((amount, i) => ({
        amount: msat(amount),
        description: `number ${i} ½`,
        expiresInSeconds: 100 + i,
      }))
      const before = Date.now()
      const invoices = await payee.createInvoices(requests)
      const { publicKey, network } = await payee.info()
      expect(invoices).toHaveLength(requests.length)
      for (const [i, { request, paymentHash }] of invoices.entries()) {
        const { amount, description, expiresInSeconds } = requests[i]!
        const decoded = decodeInvoice(request)
        expect(decoded).toMatchObject({ amount, description, paymentHash, network, payee: publicKey })
        const expiresAtMs = before + expiresInSeconds * 1000
        expect(Math.abs(decoded.expiresAtMs - expiresAtMs)).toBeLessThan(5_000)
      }
      expect(new Set(invoices.map(({ paymentHash }) => paymentHash)).size).toBe(requests.length)
    })

    it('creates no invoices when asked for none', async () => {
      expect(await payee.createInvoices([])).toEqual([])
    })

    it('pays, and both sides know', async () => {
      const settlements = follow(payee, await lastIndex(payee))
      const { request, paymentHash } = await invoice(msat(21_001n))
      const outcome = await pay(request)
      if (outcome.status !== 'settled') throw new Error(JSON.stringify(outcome))
      expect(bytesToHex(sha256(hexToBytes(outcome.preimage)))).toBe(paymentHash)
      expect(outcome.fee).toBeLessThanOrEqual(MAX_FEE)
      await settlements.until(paymentHash)
      expect(settlements.of(paymentHash)).toMatchObject([{ amount: 21_001n }])
      expect(await payer.lookupPayment(paymentHash)).toEqual(outcome)
      expect(await payee.lookupInvoice(paymentHash)).toBe(decodeInvoice(request).amount)
      expect(await payer.lookupInvoice(paymentHash), 'it is no invoice of the payer').toBeUndefined()
      settlements.end()
    })

    it('never pays an invoice twice', async () => {
      const since = await lastIndex(payee)
      const { request, paymentHash } = await invoice(sat(3))
      const together = await Promise.all([pay(request), pay(request), pay(request)])
      const later = await pay(request)
      // Of calls at the same time one may be told only that the payment is under way, never that it failed.
      expect(together.every(({ status }) => status !== 'failed')).toBe(true)
      expect(together.some(({ status }) => status === 'settled')).toBe(true)
      expect(later).toMatchObject({ status: 'settled' })
      await pay((await invoice(sat(1))).request)
      const settled = follow(payee, since)
      await settled.untilCount(2)
      expect(settled.of(paymentHash)).toHaveLength(1)
      settled.end()
    })

    it('tells settlements from any index on, oldest first, then live, until told to stop', async () => {
      const first = follow(payee, await lastIndex(payee))
      const hashes: string[] = []
      const payOne = async () => {
        const { request, paymentHash } = await invoice(sat(1))
        hashes.push(paymentHash)
        expect(await pay(request)).toMatchObject({ status: 'settled' })
        await first.until(paymentHash)
      }
      await payOne()
      await payOne()
      const resumed = follow(payee, first.all[0]!.index)
      await resumed.untilCount(1)
      await payOne()
      await resumed.untilCount(2)
      resumed.end()
      await payOne()
      expect(first.all.map(({ paymentHash }) => paymentHash)).toEqual(hashes)
      expect(first.all.map(({ index }) => index)).toEqual(
        first.all.map(({ index }) => index).toSorted((a, b) => Number(a - b)),
      )
      expect(resumed.all.map(({ paymentHash }) => paymentHash)).toEqual(hashes.slice(1, 3))
      first.end()
    })

    it('carries twenty payments at once', async () => {
      const settlements = follow(payee, await lastIndex(payee))
      const invoices = await payee.createInvoices(
        Array.from({ length: 20 }, (_, i) => ({ amount: sat(i + 1), description: '', expiresInSeconds: 600 })),
      )
      const outcomes = await Promise.all(invoices.map(({ request }) => pay(request)))
      expect(outcomes.map(({ status }) => status)).toEqual(invoices.map(() => 'settled'))
      await settlements.untilCount(20)
      expect(settlements.all.reduce((sum, { amount }) => sum + amount, 0n)).toBe(sat(210))
      settlements.end()
    })

    it('knows nothing of a payment that it was not asked to send', async () => {
      expect(await payer.lookupPayment(bytesToHex(randomBytes(32)))).toBeUndefined()
      expect(await payee.lookupInvoice(bytesToHex(randomBytes(32)))).toBeUndefined()
      const { paymentHash } = await invoice(sat(1))
      expect(await payer.lookupPayment(paymentHash)).toBeUndefined()
    })

    it('finds no route to a stranger', async () => {
      const { request, paymentHash } = await strangersInvoice()
      expect(await pay(request)).toMatchObject({ status: 'failed', reason: 'no-route' })
      expect(await payer.lookupPayment(paymentHash)).toSatisfy(
        (outcome: PaymentOutcome | undefined) => outcome === undefined || outcome.status === 'failed',
      )
    })

    it('cannot send more than it has', async () => {
      const { canSend } = await payer.info()
      const outcome = await pay((await invoice(msat(canSend + 20_000_000_000n))).request)
      expect(outcome).toMatchObject({
        status: 'failed',
        reason: expect.stringMatching(/^(balance-insufficient|no-route)$/),
      })
    })

    it('refuses what is no payable invoice', async () => {
      const { network } = await payer.info()
      const foreign = network === 'mainnet' ? 'testnet' : 'mainnet'
      const bad = {
        'no invoice': 'lnbcrt1nonsense',
        expired: (await strangersInvoice({ amount: 1000n, createdAtMs: Date.now() - 3_600_000 })).request,
        'another network': (await strangersInvoice({ amount: 1000n, network: foreign })).request,
        amountless: (await strangersInvoice({})).request,
      }
      for (const [what, request] of Object.entries(bad)) {
        expect(await pay(request), what).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
      }
    })

    it('refuses an invoice that expired since it was made', async () => {
      const { request } = await invoice(sat(1), 'short', 1)
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      expect(await pay(request)).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
    })

    it('pays an invoice that takes any amount as much as it is told to, and no other', async () => {
      const { abilities } = await payee.info()
      const making = payee.createInvoices([{ amount: 'any', description: 'tips', expiresInSeconds: 600 }])
      if (!abilities.anyAmount) return expect(making).rejects.toMatchObject(UNABLE)
      const [made] = await making
      const { request, paymentHash } = made!
      expect(decodeInvoice(request).amount).toBeUndefined()
      const limits = { maxFee: MAX_FEE, timeoutMs: TIMEOUT_MS }
      expect(await pay(request)).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
      const outcome = await payer.pay({ request, amount: msat(12_345n), ...limits })
      expect(outcome).toMatchObject({ status: 'settled' })
      expect(await payer.pay({ request, amount: msat(12_345n), ...limits }), 'not twice').toMatchObject({
        status: 'settled',
      })
      await expect.poll(() => payee.findInvoice(paymentHash)).toMatchObject({ status: 'settled', received: 12_345n })
      expect(await payee.findInvoice(paymentHash)).not.toHaveProperty('amount')

      const named = await invoice(sat(2))
      const other = await payer.pay({ request: named.request, amount: sat(3), ...limits })
      expect(other).toMatchObject({ status: 'failed', reason: 'invoice-invalid' })
      expect(await payee.lookupInvoice(named.paymentHash)).toBeUndefined()
    })

    it('pays without an invoice, once for each preimage', async () => {
      const preimage = bytesToHex(randomBytes(32))
      if (!(await payer.info()).abilities.keysend) {
        return expect(keysend(msat(4_321n), preimage)).rejects.toMatchObject(UNABLE)
      }
      const since = await lastIndex(payee)
      const paymentHash = bytesToHex(sha256(hexToBytes(preimage)))
      const outcome = await keysend(msat(4_321n), preimage)
      expect(outcome).toMatchObject({ status: 'settled', preimage })
      expect(await keysend(msat(4_321n), preimage)).toEqual(outcome)
      expect(await payer.lookupPayment(paymentHash)).toEqual(outcome)
      await pay((await invoice(sat(1))).request)
      const settled = follow(payee, since)
      await settled.untilCount(2)
      expect(settled.of(paymentHash)).toMatchObject([{ amount: 4_321n }])
      settled.end()
      const arrived = { request: '', paymentHash, received: 4_321n, status: 'settled' }
      expect(await payee.findInvoice(paymentHash)).toMatchObject(arrived)
      expect((await payee.listInvoices({ limit: 2 })).at(1)).toMatchObject(arrived)
    })

    it('finds no route for a keysend to a stranger', async () => {
      const stranger = bytesToHex(secp256k1.getPublicKey(secp256k1.utils.randomSecretKey(), true))
      const { abilities } = await payer.info()
      const sending = keysend(sat(1), bytesToHex(randomBytes(32)), stranger)
      if (!abilities.keysend) return expect(sending).rejects.toMatchObject(UNABLE)
      expect(await sending).toMatchObject({ status: 'failed', reason: 'no-route' })
    })

    it('keeps its invoices: what was asked, what came, and when', async () => {
      const before = Date.now()
      const made = await payee.createInvoices([
        { amount: sat(7), description: 'first', expiresInSeconds: 600 },
        { amount: sat(8), description: 'short ½', expiresInSeconds: 1 },
        { amount: sat(9), description: 'last', expiresInSeconds: 600 },
      ])
      expect(await pay(made[2]!.request)).toMatchObject({ status: 'settled' })
      const [first, short, last] = made.map(({ request, paymentHash }) => ({ request, paymentHash }))
      await expect.poll(() => payee.findInvoice(last!.paymentHash)).toMatchObject({ status: 'settled' })
      await expect
        .poll(() => payee.findInvoice(short!.paymentHash), { timeout: 5_000 })
        .toMatchObject({
          status: 'expired',
        })
      const [one, two, three] = await payee.listInvoices({ limit: 3 })
      // Those made at once may be listed in any order.
      const listed = [one!, two!, three!].toSorted((a, b) => Number((a.amount ?? 0n) - (b.amount ?? 0n)))
      expect(listed).toMatchObject([
        { ...first, amount: sat(7), received: 0n, status: 'open', description: 'first' },
        { ...short, amount: sat(8), received: 0n, status: 'expired', description: 'short ½' },
        { ...last, amount: sat(9), received: sat(9), status: 'settled', description: 'last' },
      ])
      for (const record of listed) {
        expect(await payee.findInvoice(record.paymentHash)).toEqual(record)
        expect(Math.abs(record.createdAtMs - before)).toBeLessThan(5_000)
      }
      expect(Math.abs(listed[2]!.settledAtMs! - before)).toBeLessThan(10_000)
      expect(listed[0]).not.toHaveProperty('settledAtMs')
    })

    it('lists the newest invoices, as many as asked for', async () => {
      const hashes: string[] = []
      for (let i = 0; i < 3; i++) hashes.push((await invoice(sat(1), `number ${i}`)).paymentHash)
      const listed = await payee.listInvoices({ limit: 2 })
      expect(listed.map(({ paymentHash }) => paymentHash)).toEqual([hashes[2], hashes[1]])
      expect(await payee.listInvoices({ limit: 0 })).toEqual([])
      expect(await payee.findInvoice('00'.repeat(32))).toBeUndefined()
    })

    it('signs so that its key can be recovered', async () => {
      const text = 'a statement of what was delivered: 12 345 tokens ½'
      const { abilities } = await payee.info()
      const signing = payee.signMessage(text)
      if (!abilities.sign) return expect(signing).rejects.toMatchObject(UNABLE)
      const signature = await signing
      expect(recover(text, signature)).toBe((await payee.info()).publicKey)
      expect(recover(`${text}!`, signature)).not.toBe((await payee.info()).publicKey)
    })
  })
}

interface Followed {
  readonly all: readonly Settlement[]
  of(paymentHash: string): Settlement[]
  until(paymentHash: string): Promise<void>
  untilCount(count: number): Promise<void>
  end(): void
}

function follow(node: LightningNode, since: bigint): Followed {
  const all: Settlement[] = []
  let failure: Error | undefined
  const end = node.subscribeSettlements(
    since,
    (settlement) => all.push(settlement),
    (error) => {
      failure = error
    },
  )
  const until = async (holds: () => boolean) => {
    for (const deadline = Date.now() + TIMEOUT_MS; !holds(); ) {
      if (failure) throw failure
      if (Date.now() > deadline) throw new Error(`still waiting after ${all.length} settlements`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const of = (paymentHash: string) => all.filter((settlement) => settlement.paymentHash === paymentHash)
  return {
    all,
    of,
    until: (paymentHash) => until(() => of(paymentHash).length > 0),
    untilCount: (count) => until(() => all.length >= count),
    end,
  }
}

/** Index of the newest settlement. Waits until none came for a moment: how many there are is not known. */
async function lastIndex(node: LightningNode): Promise<bigint> {
  const settlements = follow(node, 0n)
  for (let seen = -1; seen !== settlements.all.length; ) {
    seen = settlements.all.length
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  settlements.end()
  return settlements.all.at(-1)?.index ?? 0n
}

/** Public key that signed, by the rules of LND's `signmessage`. */
function recover(text: string, signature: string): string {
  // 65 bytes are 104 characters of five bits, with none to spare.
  const number = [...signature].reduce((sum, char) => sum * 32n + BigInt(ZBASE32.indexOf(char)), 0n)
  const bytes = hexToBytes(number.toString(16).padStart(130, '0'))
  const digest = sha256(sha256(new TextEncoder().encode(`Lightning Signed Message:${text}`)))
  // The first byte is 27 + 4 for a compressed key + the recovery id.
  const recovered = Uint8Array.of(bytes[0]! - 31, ...bytes.subarray(1))
  return bytesToHex(secp256k1.recoverPublicKey(recovered, digest, { prehash: false }))
}
