import { getChannels, getLockedUtxos, getPendingChannels, sendToChainAddress } from 'lightning'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLnd } from '../../lightning-net/lnd.ts'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { commands, type Event, type Result, type Running, sleep, tempFolder } from '../cli/command.ts'
import { ownLnds, type Stranger } from './ownLnd.ts'

const { net, skip } = await sharedNet()
const MAINNET = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'

// One story, told in order: coins, a peer, a channel, its close; at each step a command or the node itself is killed.
describe.skipIf(skip)(`a node's coins, peers and channels${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const home = tempFolder()
  const { run, start } = commands(home)
  let lnds: ReturnType<typeof ownLnds>
  /** The node whose life it is, and its peer, who takes channels of 50,000 sat or more. */
  let dave: string[]
  let erin: { readonly publicKey: string; readonly peer: string }
  let stranger: Stranger
  /** Ids of its two channels. */
  let first: string
  let second: string

  beforeAll(async () => {
    lnds = ownLnds(net!, home)
    const [one, other] = await Promise.all([
      lnds.start('dave'),
      lnds.start('erin', ['minchansize=50000']),
      lnds.stranger().then((node) => {
        stranger = node
      }),
    ])
    dave = ['--node', one.node.spec, '--json']
    erin = other.node
    // LND opens channels once it has seen a fresh block.
    await lnds.mine(1)
    await Promise.all(['dave', 'erin'].map((name) => lnds.inStep(name)))
  })
  afterAll(() => lnds?.stop())

  const node = (...args: string[]): Promise<Result> => run('node', ...args, ...dave)
  const begin = (...args: string[]): Running => start('node', ...args, ...dave)
  const at = ({ publicKey, peer }: Stranger): string => `${publicKey}@${peer}`
  const open = (peer: string, amount: string, ...more: string[]): string[] => [
    'open',
    peer,
    '--amount',
    amount,
    ...more,
  ]
  const text = async (...args: string[]): Promise<Result> => run('node', ...args, '--node', dave[1]!)
  const counts = async () => {
    const { lnd } = lnds.of('dave')
    const [{ channels }, { pending_channels }] = await Promise.all([getChannels({ lnd }), getPendingChannels({ lnd })])
    return { open: channels.length, pending: pending_channels.length }
  }
  /** Mines until the command has said it: a wallet sees a block only after a while. */
  const mineUntil = async (command: Running, name: string): Promise<Event> => {
    let said: Event | undefined
    const saying = command.event(name).then((event) => {
      said = event
    })
    while (!said) {
      await lnds.mine(1)
      await Promise.race([saying, sleep(1000)])
    }
    return said
  }

  describe('coins', () => {
    test('are asked for at one address until they come, also by a run after one that was killed', async () => {
      const first = begin('fund')
      const { address } = await first.event('address')
      expect(address).toMatch(/^bcrt1q/)
      await first.kill()
      const shown = await text('fund', '--no-wait')
      expect(shown).toMatchObject({ code: 0, stdout: Buffer.from(`${address}\n`) })
      expect(shown.stderr).toMatch(/regtest: a private chain, its coins are worth nothing/)
      const none = await node('fund', '--wait', '500ms')
      expect(none).toMatchObject({ code: 1, error: { code: 'wait-over' } })

      const watching = begin('fund', '--wait', '1min')
      expect(await watching.event('address')).toMatchObject({
        address,
        network: 'regtest',
        real: false,
        confirmed: '0',
      })
      await sendToChainAddress({ lnd: await openLnd(net!.alice), address: address as string, tokens: 5_000_000 })
      expect(await watching.event('seen')).toMatchObject({ seen: '5000000000', confirmed: '0' })
      await mineUntil(watching, 'funded')
      expect(await watching.end()).toMatchObject({ code: 0, last: { event: 'funded', amount: '5000000000' } })
    })

    test('LND killed while they are watched for: said, and the next run goes on', async () => {
      const watching = begin('fund')
      const { address } = await watching.event('address')
      await lnds.of('dave').daemon.kill()
      expect(await watching.end()).toMatchObject({ code: 8, error: { code: 'node-unreachable' } })
      await lnds.startAgain('dave')
      const again = begin('fund', '--wait', '1min')
      expect(await again.event('address')).toMatchObject({ address, confirmed: '5000000000' })
      await sendToChainAddress({ lnd: await openLnd(net!.alice), address: address as string, tokens: 1_000_000 })
      expect(await mineUntil(again, 'funded')).toMatchObject({ amount: '1000000000', confirmed: '6000000000' })
      expect((await again.end()).code).toBe(0)
    })
  })

  describe('peers', () => {
    test.each([
      ['nobody', () => `${erin.publicKey}@127.0.0.1:1`, 8, 'peer-unreachable', /nothing listens there/],
      ['another key', () => `${net!.bob.publicKey}@${erin.peer}`, 8, 'peer-unreachable', /another key/],
      ['itself', () => `${lnds.of('dave').node.publicKey}@${erin.peer}`, 2, 'peer-invalid', /the node itself/],
      ['no key', () => erin.peer, 2, 'peer-invalid', /66 hex digits/],
      ['no address', () => erin.publicKey, 8, 'peer-unreachable', /no address/],
    ])('%s cannot be connected with', async (_, peer, code, name, message) => {
      const { error, ...result } = await node('peers', 'connect', peer())
      expect(result.code).toBe(code)
      expect(error).toMatchObject({ code: name, message: expect.stringMatching(message) })
    })

    test('connect, list, forget', async () => {
      expect(await node('peers', 'connect', at(erin))).toMatchObject({ code: 0, last: { already: false } })
      expect(await node('peers', 'connect', at(erin))).toMatchObject({ code: 0, last: { already: true } })
      const { last } = await node('peers')
      expect(last.peers).toMatchObject([{ publicKey: erin.publicKey, address: erin.peer, inbound: false }])
      expect(last.reach).toMatchObject({ verdict: 'local', tor: false })
      expect((await text('peers', '--ports')).stderr).toMatch(/who buys needs no open port[\s\S]*tor\.active=1/)
      expect(await node('peers', 'forget', erin.publicKey)).toMatchObject({ code: 0, last: { was: true } })
      expect(await node('peers', 'forget', erin.publicKey)).toMatchObject({ code: 0, last: { was: false } })
      expect((await node('peers')).last.peers).toEqual([])
    })
  })

  describe('a channel', () => {
    test('is refused before a coin moves: by its size, by funds, by its peer, by its network', async () => {
      const refusals: Result[] = []
      // One after the other: while LND asks a peer, the coins for it are not to be had for another.
      for (const [peer, amount] of [
        [at(erin), '19,999 sat'],
        [at(erin), '40,000 sat'],
        [at(erin), '20,000,000 sat'],
        [at(erin), '6,000,000 sat'],
        [at(stranger), '100,000 sat'],
      ] as const) {
        refusals.push(await node(...open(peer, amount)))
      }
      expect(refusals.map(({ code, error }) => [code, error?.code, error?.message])).toEqual([
        [2, 'channel-size', expect.stringMatching(/20 000 sat or more/)],
        [2, 'channel-size', expect.stringMatching(/the peer takes channels of 50 000 sat or more/)],
        [2, 'channel-size', expect.stringMatching(/16 777 215 sat or less/)],
        [5, 'funds-insufficient', expect.stringMatching(/the wallet has 6 000 000 sat/)],
        [9, 'network-mismatch', expect.stringMatching(/is on simnet, and this node on regtest/)],
      ])
      expect(await counts()).toEqual({ open: 0, pending: 0 })
      expect((await node('fund', '--no-wait')).last).toMatchObject({ confirmed: '6000000000', unconfirmed: '0' })
    })

    test('has its cost said by a dry run, which does nothing', async () => {
      const { code, last } = await node(...open(at(erin), '1,000,000 sat', '--push', '100,000 sat', '--dry-run'))
      expect(code).toBe(0)
      expect(last).toMatchObject({
        event: 'dry-run',
        network: 'regtest',
        amount: '1000000000',
        channelReserve: '10000000',
        anchorReserve: '10000000',
        canReceive: '90000000',
      })
      expect(BigInt(last.total as string)).toBe(1_000_000_000n + BigInt(last.fundingFee as string))
      expect(await counts()).toEqual({ open: 0, pending: 0 })
    })

    /** LND has the request: the coins for it are set aside. */
    const asked = async (command: Running): Promise<void> => {
      await command.event('asking')
      const { lnd } = lnds.of('dave')
      await expect.poll(async () => (await getLockedUtxos({ lnd })).utxos.length, { timeout: 20_000 }).toBe(1)
    }
    /** The peer does not answer, for as long as that takes. */
    const whileSilent = async (work: () => Promise<void>): Promise<void> => {
      await node('peers', 'connect', at(erin))
      lnds.of('erin').daemon.freeze(true)
      await work().finally(() => lnds.of('erin').daemon.freeze(false))
    }

    test('is opened once: the command killed while LND asks the peer, run again at once, and later', async () => {
      await whileSilent(async () => {
        const killed = begin(...open(at(erin), '1,000,000 sat'))
        await asked(killed)
        await killed.kill()
        const unknown = await node(...open(at(erin), '1,000,000 sat', '--no-wait'))
        expect(unknown).toMatchObject({ code: 10, error: { code: 'open-unknown' } })
      })
      const found = begin(...open(at(erin), '1,000,000 sat'))
      expect(await found.event('opening')).toMatchObject({ how: 'found' })
      await found.kill()
      expect(await counts()).toEqual({ open: 0, pending: 1 })
    })

    test('is followed to its end by the run after one that was killed, and not opened anew', async () => {
      const refused = await node(...open(at(erin), '500,000 sat'))
      expect(refused).toMatchObject({ code: 8, error: { code: 'channel-pending' } })
      const killed = begin(...open(erin.publicKey, '1,000,000 sat'))
      const { outpoint } = await killed.event('opening')
      await killed.kill()
      await lnds.mine(6)
      await expect.poll(counts, { timeout: 30_000 }).toEqual({ open: 1, pending: 0 })
      const again = await node(...open(erin.publicKey, '1,000,000 sat'))
      expect(again.code, again.stderr).toBe(0)
      expect(again.events.find(({ event }) => event === 'opening')).toMatchObject({ how: 'done', outpoint })
      expect(again.last).toMatchObject({ event: 'open', outpoint, canReceive: '0' })
      first = again.last.id as string
      expect(await counts()).toEqual({ open: 1, pending: 0 })
    })

    test('is shown with what it can move, and in words', async () => {
      const { last } = await node('channels')
      expect(last).toMatchObject({
        channels: [{ peer: erin.publicKey, capacity: '1000000000', active: true, ours: true, private: false }],
        liquidity: {
          words: {
            send: expect.stringMatching(/^you can send 98\dk sat/),
            receive: expect.stringMatching(/^you cannot receive now/),
          },
        },
      })
      const picture = await text('channels')
      expect(picture.stdout.toString()).toMatch(/▕░?█{30,40}░?▏ {2}send 98\dk sat · receive 0 sat/)
      expect(picture.stderr).toMatch(/you can send 98\dk sat/)
    })

    test('keeps its peer from being forgotten', async () => {
      expect(await node('peers', 'forget', erin.publicKey)).toMatchObject({ code: 8, error: { code: 'peer-busy' } })
    })

    test('is opened once: LND killed before the peer has answered', async () => {
      await whileSilent(async () => {
        const opening = begin(...open(at(erin), '300,000 sat'))
        await asked(opening)
        await lnds.of('dave').daemon.kill()
        expect(await opening.end()).toMatchObject({ code: 10, error: { code: 'open-unknown' } })
      })
      await lnds.startAgain('dave')
      // It came to nothing: the connection has ended, and the negotiation with it.
      expect(await counts()).toEqual({ open: 1, pending: 0 })
      await lnds.mine(1)
      await lnds.inStep('dave')
      // LND still keeps the coins for it, for ten minutes; there is another.
      const short = await node(...open(at(erin), '3,000,000 sat', '--dry-run'))
      expect(short.error).toMatchObject({
        code: 'funds-insufficient',
        message: expect.stringMatching(/set aside .* until/),
      })
      const again = begin(...open(at(erin), '300,000 sat'))
      expect(await again.event('opening')).toMatchObject({ how: 'opened' })
      second = (await mineUntil(again, 'open')).id as string
      expect((await again.end()).code).toBe(0)
      expect(await counts()).toEqual({ open: 2, pending: 0 })
    })
  })

  describe('a close', () => {
    test('is refused to an address of another network, and where there is no such channel', async () => {
      const elsewhere = await node('close', first, '--to', MAINNET)
      expect(elsewhere).toMatchObject({ code: 9, error: { code: 'network-mismatch' } })
      expect(elsewhere.error?.message).toMatch(/on mainnet.*regtest/)
      for (const name of ['1x1x1', erin.publicKey]) {
        expect(await node('close', name)).toMatchObject({ code: 2, error: { code: 'channel-unknown' } })
      }
    })

    test('has its cost said by a dry run, together and alone', async () => {
      const together = await node('close', first, '--dry-run')
      expect(together.last).toMatchObject({ event: 'dry-run', force: false, delayBlocks: 0, sweepFee: '0' })
      const alone = await node('close', first, '--dry-run', '--force')
      expect(Number(alone.last.delayBlocks)).toBeGreaterThan(100)
      expect(BigInt(alone.last.returns as string)).toBeLessThan(1_000_000_000n)
      expect(await counts()).toEqual({ open: 2, pending: 0 })
    })

    test('together is followed by the run after one that was killed', async () => {
      const killed = begin('close', first)
      const { outpoint } = await killed.event('closing')
      await killed.kill()
      const again = begin('close', first)
      expect(await again.event('closing')).toMatchObject({ how: 'found', outpoint })
      await mineUntil(again, 'closed')
      expect(await again.end()).toMatchObject({ code: 0, last: { event: 'closed', outpoint } })
      expect(await node('close', first)).toMatchObject({ code: 0, last: { event: 'closed', outpoint } })
      expect(await counts()).toEqual({ open: 1, pending: 0 })
    })

    test('alone, when the peer is away; LND killed on the way, the next run says how it stands', async () => {
      await lnds.of('erin').daemon.kill()
      await expect.poll(async () => (await node('peers')).last.peers, { timeout: 20_000 }).toEqual([])
      expect(await node('close', second)).toMatchObject({ code: 8, error: { code: 'close-refused' } })
      const closing = begin('close', second, '--force')
      await closing.event('closing')
      await lnds.of('dave').daemon.kill()
      expect(await closing.end()).toMatchObject({ code: 8, error: { code: 'node-unreachable' } })
      await lnds.startAgain('dave')
      const again = begin('close', second, '--force')
      expect(await again.event('closing')).toMatchObject({ how: 'found' })
      const waiting = await mineUntil(again, 'waiting')
      expect(Number(waiting.blocks)).toBeGreaterThan(100)
      expect((await again.end()).code).toBe(0)
      expect((await text('channels')).stdout.toString()).toMatch(/closing .*can be spent in \d+ blocks/)
    })
  })
})
