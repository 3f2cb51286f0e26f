import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { amount, type Event, expectKept, tempFolder } from '../cli/command.ts'
import { labWorld, processesOf } from './world.ts'

const skip = noLnd()

interface LabNode {
  readonly name: string
  readonly publicKey: string
  readonly state: string
  readonly height: number
  readonly synced: boolean
  readonly coins: string
  readonly canSend: string
  readonly canReceive: string
}
const nodesOf = (event: Event): LabNode[] => event.nodes as LabNode[]
const channelOf = (event: Event) => event.channel as { id: string; capacity: string; local: string; active: boolean }

describe.skipIf(skip)(`streampay lab${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const home = tempFolder()
  const world = labWorld(home)
  let first: Event

  beforeAll(() => {
    // What is not the lab's: another node's folder, and a file.
    mkdirSync(join(world.state, 'nodes', 'other'), { recursive: true })
    writeFileSync(join(world.state, 'nodes', 'other', 'kept'), 'mine')
  })
  afterAll(() => world.end())

  test('says that there is none', async () => {
    expect((await world.lab('status')).last).toMatchObject({ event: 'lab-status', chain: 'absent' })
    expect(await world.lab('mine', '1')).toMatchObject({ code: 8, error: { code: 'lab-down' } })
    expect(await world.lab('down')).toMatchObject({ code: 0, last: { ended: [], deleted: [] } })
  })

  test('comes up, also after a first command was killed in the middle', async () => {
    const killed = world.start('lab', 'up', '--json')
    await killed.event('lab-step', ({ step }) => step === 'nodes')
    await killed.kill()
    const { code, last, stderr } = await world.lab('up')
    expect(code, `${stderr}${JSON.stringify(last)}`).toBe(0)
    expect(last).toMatchObject({ event: 'lab-up', changed: true, network: 'regtest', chain: 'up' })
    for (const node of nodesOf(last)) {
      expect(node).toMatchObject({ state: 'up', synced: true, height: last.height })
      expect(amount(node.coins)).toBeGreaterThan(100_000_000_000n)
      expect(amount(node.canSend)).toBeGreaterThan(7_500_000_000n)
      expect(amount(node.canReceive)).toBeGreaterThan(7_500_000_000n)
    }
    expect(channelOf(last)).toMatchObject({ capacity: '16000000000', active: true })
    first = last
  })

  test('does nothing when it is up', async () => {
    const { code, events, last } = await world.lab('up')
    expect(code).toBe(0)
    expect(events).toHaveLength(1)
    expect(last).toMatchObject({ changed: false, height: first.height })
  })

  test.each([
    ['lab-alice', 'lab-bob'],
    ['lab-bob', 'lab-alice'],
  ] as const)('%s buys from %s', async (buyer, seller) => {
    const file = join(home, 'goods.bin')
    writeFileSync(file, Buffer.alloc(100_000, 'stream'))
    const selling = world.start('sell', file, '--price', '1 sat/KiB', '--json', '--port', '0', '--node', seller)
    const { url } = await selling.event('selling')
    const got = await world.start('get', url as string, '--node', buyer, '--json', '-o', join(home, buyer)).end()
    selling.signal('SIGINT')
    await selling.end()
    expect(got.code, JSON.stringify(got.last)).toBe(0)
    expect(amount(got.last.paid)).toBeGreaterThan(90_000n)
    expectKept(got.last)
  })

  test('mines as many blocks as asked, within bounds', async () => {
    const { last } = await world.lab('mine', '3')
    expect(last).toMatchObject({ event: 'lab-mined', blocks: 3, height: Number(first.height) + 3 })
    for (const wrong of ['0', '1001', '-1', '1.5', 'many']) {
      expect(await world.lab('mine', '--', wrong), wrong).toMatchObject({ code: 2, error: { code: 'option-invalid' } })
    }
  })

  test("lends its chain to a node of the user's own", async () => {
    const { code, last } = await world.run('node', 'up', '--name', 'guest')
    expect(code, JSON.stringify(last)).toBe(0)
    expect(last).toMatchObject({ event: 'up', network: 'regtest', sync: 'done' })
  })

  test('is repaired when the chain and a node were killed, with the same chain, wallets and channel', async () => {
    world.kill('btcd')
    world.kill('lab-bob')
    const broken = (await world.lab('status')).last
    expect(broken).toMatchObject({ chain: 'down', hints: [expect.stringContaining('lab up')] })
    const { code, last } = await world.lab('up')
    expect(code, JSON.stringify(last)).toBe(0)
    expectSame(last)
    expect(last.height).toBeGreaterThanOrEqual(Number(first.height) + 3)
  })

  test('goes down with every process, and comes up as it was', async () => {
    const { last: down } = await world.lab('down')
    expect(down).toMatchObject({ ended: ['lab-alice', 'lab-bob', 'btcd'], deleted: [], guests: ['guest'] })
    expect((await world.run('node', 'down', '--name', 'guest')).code).toBe(0)
    expect(processesOf(home)).toEqual([])
    expect((await world.lab('status')).last).toMatchObject({
      chain: 'down',
      nodes: [{ state: 'down' }, { state: 'down' }],
    })
    const { code, last } = await world.lab('up')
    expect(code, JSON.stringify(last)).toBe(0)
    expectSame(last)
  })

  test('is purged, with all of its files and no others', async () => {
    const { code, last } = await world.lab('down', '--purge')
    expect({ code, last }).toMatchObject({ code: 0, last: { ended: ['lab-alice', 'lab-bob', 'btcd'] } })
    expect(processesOf(home)).toEqual([])
    expect(readdirSync(join(world.state, 'nodes'))).toEqual(['guest', 'other'])
    expect(existsSync(join(world.state, 'nodes', 'other', 'kept'))).toBe(true)
    expect(existsSync(join(world.state, 'lab'))).toBe(false)
  })

  function expectSame(now: Event): void {
    expect(nodesOf(now).map(({ publicKey }) => publicKey)).toEqual(nodesOf(first).map(({ publicKey }) => publicKey))
    expect(channelOf(now)).toMatchObject({ id: channelOf(first).id, active: true })
    for (const node of nodesOf(now)) expect(node).toMatchObject({ state: 'up', synced: true })
  }
})
