import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noSmallDisk, type SmallDisk, smallDisks } from '../../ledger/testing/smallDisk.ts'
import { sat, ZERO } from '../../money/msat.ts'
import type { Invoice, PaymentOutcome, Settlement } from '../node.ts'
import { createEmbeddedNode, type EmbeddedNode } from './index.ts'
import { startRemoteNode } from './testing/remote.ts'

const AMOUNT = sat(7)
const IN_FLIGHT = 20
const PATIENCE = { timeout: 30_000, interval: 50 }

let home: string
const open = new Set<{ close(): Promise<void> }>()

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'streampay-full-'))
  mkdirSync(join(home, 'nodes'))
})

afterEach(async () => {
  await Promise.all([...open].map((node) => node.close()))
  open.clear()
  rmSync(home, { recursive: true, force: true })
})

async function start(name: string): Promise<EmbeddedNode> {
  const node = await createEmbeddedNode({ home, name })
  open.add(node)
  return node
}

const database = (name: string): string => join(home, 'nodes', name, 'node.db')

function invoices(node: Pick<EmbeddedNode, 'createInvoices'>, count: number): Promise<Invoice[]> {
  return node.createInvoices(
    Array.from({ length: count }, () => ({ amount: AMOUNT, description: '', expiresInSeconds: 3600 })),
  )
}

/** Pays all, several at once, and hands over each outcome. */
async function payAll(
  node: Pick<EmbeddedNode, 'pay'>,
  all: readonly Invoice[],
  timeoutMs = 2_000,
): Promise<Map<string, PaymentOutcome>> {
  const rest = [...all]
  const outcomes = new Map<string, PaymentOutcome>()
  const payer = async () => {
    for (let next = rest.pop(); next; next = rest.pop()) {
      outcomes.set(next.paymentHash, await node.pay({ request: next.request, maxFee: ZERO, timeoutMs }))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, payer))
  return outcomes
}

const settledOf = (outcomes: ReadonlyMap<string, PaymentOutcome>): string[] =>
  [...outcomes].filter(([, { status }]) => status === 'settled').map(([hash]) => hash)

/** Every payment's last word, once its node has one. */
async function finalOutcomes(node: EmbeddedNode, all: readonly Invoice[]): Promise<Map<string, PaymentOutcome>> {
  const outcomes = new Map<string, PaymentOutcome>()
  for (const { paymentHash } of all) {
    const final = () => node.lookupPayment(paymentHash).catch(() => undefined)
    await expect.poll(async () => (await final())?.status, PATIENCE).toMatch(/^(?:settled|failed)$/)
    outcomes.set(paymentHash, (await final())!)
  }
  return outcomes
}

describe.skipIf(noSmallDisk)(`a node on a disk of its own${noSmallDisk ? ` (skipped: ${noSmallDisk})` : ''}`, () => {
  const newDisk = smallDisks()

  /** Its directory on a small disk; the chain and the other node lie elsewhere. */
  function diskFor(name: string): SmallDisk {
    const disk = newDisk(16 * 1024)
    symlinkSync(disk.path, join(home, 'nodes', name))
    return disk
  }

  it('whose disk is full does not start, and says why', async () => {
    const disk = diskFor('buyer')
    disk.fill()
    await expect(start('buyer')).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('make room'),
    })
    disk.free()
    await start('buyer')
    await open.values().next().value!.close()
    disk.readOnly(true)
    await expect(start('buyer')).rejects.toMatchObject({
      code: 'node-unreachable',
      message: expect.stringContaining('it cannot be written'),
    })
    disk.readOnly(false)
  })

  it.each(['buyer', 'seller'])(
    'tells of nothing that is not on it, and goes on when there is room: the %s',
    async (full) => {
      const disk = diskFor(full)
      const [seller, buyer] = await Promise.all([start('seller'), start('buyer')])
      await buyer.openChannelTo((await seller.info()).publicKey)
      const [channel] = await seller.channels()
      const booked: Settlement[] = []
      const troubles: string[] = []
      seller.subscribeSettlements(
        0n,
        (settlement) => booked.push(settlement),
        (error) => troubles.push(error.message),
      )
      const all = await invoices(seller, 60)
      const early = await payAll(buyer, all.slice(0, 20))
      expect(settledOf(early)).toHaveLength(20)

      const node = full === 'buyer' ? buyer : seller
      const told = payAll(buyer, all.slice(20))
      disk.fill()
      await expect
        .poll(() => node.info().catch(({ code, message }) => `${code} ${message}`), PATIENCE)
        .toMatch(/^disk-full .*make room/)
      const outcomes = await told
      const claimed = settledOf(outcomes)
      expect(claimed.length, 'it was full in the middle').toBeLessThan(40)
      if (full === 'seller') expect(troubles).toContainEqual(expect.stringContaining('the disk is full: make room'))
      // Longer than a node that fails for another reason is tried again.
      await new Promise((resolve) => setTimeout(resolve, 8_000))
      await expect(node.info()).rejects.toMatchObject({ code: 'disk-full' })

      disk.free()
      await expect
        .poll(
          () =>
            node.info().then(
              () => 'up',
              () => 'down',
            ),
          PATIENCE,
        )
        .toBe('up')
      const final = await finalOutcomes(buyer, all)
      for (const hash of claimed) expect(final.get(hash), 'what was told stays').toEqual(outcomes.get(hash))
      const paid = settledOf(final)
      await expect.poll(() => booked.length, PATIENCE).toBe(paid.length)
      expect(booked.map(({ paymentHash }) => paymentHash).toSorted()).toEqual(paid.toSorted())
      expect(booked.map(({ index }) => index)).toEqual(booked.map((_, i) => BigInt(i + 1)))
      await expect
        .poll(async () => (await seller.channels()).map(({ id, usable }) => ({ id, usable })), PATIENCE)
        .toEqual([{ id: channel!.id, usable: true }])
      const [left] = await seller.channels()
      expect(channel!.canReceive - left!.canReceive).toBe(AMOUNT * BigInt(paid.length))
      expect(settledOf(await payAll(buyer, await invoices(seller, 5)))).toHaveLength(5)
    },
  )
})

describe('a node whose file was spoiled', () => {
  it('does not start on it, says so, and leaves it as it is', async () => {
    const node = await start('seller')
    await node.close()
    const file = database('seller')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const whole = readFileSync(file)
    const middle = Math.floor(whole.length / 4096 / 2) * 4096
    const spoiled = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(whole)
      change(bytes)
      return bytes
    }
    for (const bytes of [
      spoiled((b) => b.fill(0x55, 0, 100)),
      spoiled((b) => b.fill(0x55, middle, middle + 4096)),
      whole.subarray(0, middle),
    ]) {
      writeFileSync(file, bytes)
      await expect(start('seller')).rejects.toMatchObject({
        code: 'node-corrupt',
        message: expect.stringContaining('damaged: keep a copy'),
      })
      expect(readFileSync(file).equals(bytes)).toBe(true)
    }
    writeFileSync(file, new Uint8Array())
    appendFileSync(`${file}-wal`, whole)
    await expect(start('seller'), 'no new seed for an old node').rejects.toMatchObject({ code: 'node-corrupt' })
    expect(statSync(`${file}-wal`).size).toBe(whole.length)
    rmSync(`${file}-wal`)
    writeFileSync(file, whole)
    await start('seller')
  })

  it('does not go on with a state that its peer has seen a later one of', async () => {
    const seller = await start('seller')
    const { publicKey } = await seller.info()
    const killed = await startRemoteNode(home, 'buyer')
    await killed.node.openChannelTo(publicKey)
    const all = await invoices(seller, 20)
    const told = await payAll(killed.node, all)
    expect(settledOf(told)).toHaveLength(20)
    await killed.kill()
    // The log holds one commit after another: half of it is what a disk that lied leaves after a power cut.
    const log = `${database('buyer')}-wal`
    truncateSync(log, Math.floor(statSync(log).size / 2))
    const buyer = await start('buyer')
    await expect
      .poll(
        () =>
          buyer.info().then(
            () => 'up',
            ({ code, message }) => `${code}: ${message}`,
          ),
        PATIENCE,
      )
      .toBe('node-corrupt: the stored state is older than what a peer has seen of it')
    const [invoice] = await invoices(seller, 1)
    expect(await payAll(buyer, [invoice!])).toEqual(
      new Map([[invoice!.paymentHash, expect.objectContaining({ status: 'unknown' })]]),
    )
    expect(await seller.channels(), 'the channel was not given up, and nothing of it was broadcast').toHaveLength(1)
  })
})
