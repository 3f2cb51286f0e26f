import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { mixNetworks, type Table } from './table.ts'
import { startWorld, type World } from './world.ts'

const { net, skip } = await sharedNet()

/** Far more than it takes on a quiet machine: no test is about time. */
const PATIENCE_MS = 10 * 60_000

describe.skipIf(skip)(`nothing crosses from one network to another${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let world: World
  let table: Table
  beforeAll(async () => {
    world = await startWorld(net!)
    table = await mixNetworks(world)
  }, PATIENCE_MS)
  afterAll(() => world?.stop(), PATIENCE_MS)

  it('by any mixture that was tried', () => {
    expect(table.rows.filter(({ refused }) => !refused)).toEqual([])
    const counts = new Map<string, number>()
    for (const { mix, by } of table.rows) counts.set(`${mix}, ${by}`, (counts.get(`${mix}, ${by}`) ?? 0) + 1)
    // Five networks make twenty ordered pairs; testnet and signet share their addresses.
    expect(Object.fromEntries(counts)).toEqual({
      'invoice × node, guard': 20,
      'invoice × node, LND': 20,
      'address × node, guard': 18,
      'address × node, LND': 18,
      'node spec × node (streams), guard': 20,
      'node spec × node (operator), guard': 20,
      'record × node, guard': 20,
      'record × node (doctor), guard': 20,
      'node up --network × node of that name, guard': 20,
      "another network's folder × node up, guard": 20,
      'node up --chain-peer × Bitcoin node, guard': 8,
      'offer of a seller × node of a buyer, guard': 20,
      'peer × node, guard': 1,
      'chain backend × wallet, guard': 8,
      'chain backend × wallet, LND': 8,
      'Bitcoin node × light client, LND': 2,
      'headers and wallet × light client, guard': 4,
    })
  })

  it('and what the guard refuses has one code, and both names', () => {
    for (const { by, code, words, network, owner } of table.rows) {
      if (by !== 'guard') continue
      expect(code, words).toBe('network-mismatch')
      expect(words).toContain(network)
      expect(words).toContain(owner)
    }
  })

  it('and nothing was paid, by the records of the nodes themselves', () => expect(table.paid).toBe(0n))
})
