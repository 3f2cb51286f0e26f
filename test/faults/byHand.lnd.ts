import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LightningNet, startLightningNet } from '../../lightning-net/network.ts'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { seededRandom } from '../../src/lightning/embedded/testing/random.ts'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { commands, sleep, tempFolder } from '../cli/command.ts'

const skip = noLnd()
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 2)
const random = seededRandom('KILL_SEED')
const { start, run } = commands(tempFolder())

/** A network of its own: here the LND that pays is killed. */
describe.skipIf(skip)(`a payment by hand whose LND is killed${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let net: LightningNet
  let bob: LightningNode
  beforeAll(async () => {
    net = await startLightningNet()
    bob = await createLndNode(net.bob)
  })
  afterAll(async () => {
    await bob?.close()
    await net?.stop()
  })

  const pay = (request: string, timeout = '20s') => [
    ...['pay', request, '--node', net.alice.spec, '--timeout', timeout, '--json'],
  ]
  const entries = async (hash: string) =>
    (await run('history', '--payments', '--json')).events.filter(({ paymentHash }) => paymentHash === hash)

  test(
    `is made once, and the second run finishes it, ${ROUNDS} times, KILL_SEED=${random.seed}`,
    async () => {
      let stuck = 0
      for (let round = 0; round < ROUNDS; round++) {
        const [invoice] = await bob.createInvoices([{ amount: sat(9), description: '', expiresInSeconds: 3600 }])
        const { request, paymentHash } = invoice!
        const paying = start(...pay(request, '3s'))
        await paying.event('paying')
        await sleep(random.next() * 150)
        await net.killNode('alice')
        const cut = await paying.end()
        expect([0, 8, 10], JSON.stringify(cut.last)).toContain(cut.code)

        // No LND: said so, with what to do, and nothing is written that was not there.
        const before = await entries(paymentHash)
        const gone = await run(...pay(request))
        expect(gone.code, JSON.stringify(gone.last)).toBe(8)
        expect(gone.error).toMatchObject({ code: 'node-unreachable', hint: expect.stringMatching(/\w/) })
        expect(await entries(paymentHash)).toEqual(before)

        await net.startNode('alice')
        const { code, last } = await run(...pay(request, '20s'))
        if (code === 0) {
          expect(last.status).toBe('settled')
          expect(await bob.findInvoice(paymentHash)).toMatchObject({ status: 'settled', received: sat(9) })
          expect(await entries(paymentHash)).toMatchObject([{ status: 'settled', preimage: last.preimage }])
        } else {
          // LND may call it in flight for ever though no channel has it (lightningnetwork/lnd#9340): it counts as spent, and nothing was paid.
          expect(code, JSON.stringify(last)).toBe(10)
          stuck++
          expect(await bob.findInvoice(paymentHash)).toMatchObject({ status: 'open' })
          expect(await entries(paymentHash)).toMatchObject([{ status: 'unknown' }])
        }
      }
      const { last } = await run('recover', '--node', net.alice.spec, '--json', '--wait', '1s')
      expect(last).toMatchObject({ open: stuck })
    },
    60_000 + ROUNDS * 120_000,
  )
})
