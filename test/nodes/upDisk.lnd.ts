import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { noSmallDisk, SmallDisk } from '../../src/ledger/testing/smallDisk.ts'
import { lndProgram, nodeHome } from './managed.ts'

const noNet = noLnd()
const skip = noNet ?? noSmallDisk
const lnd = lndProgram()
const ROOM_KIB = 64 * 1024

describe.skipIf(skip)(`a managed node on a disk that is full${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const disk = skip ? undefined : new SmallDisk(ROOM_KIB)
  afterAll(() => disk?.remove())
  const { run, state, pidOf, kill } = nodeHome(disk?.path)
  const up = () =>
    run(
      'node',
      'up',
      '--name',
      'full',
      '--network',
      'regtest',
      '--offline',
      '--chain-peer',
      '127.0.0.1:1',
      '--wait',
      '0s',
      '--lnd',
      lnd,
      '--json',
    )

  test('is not begun, or not started, until there is room', async () => {
    disk!.readOnly(true)
    expect((await up()).error).toMatchObject({ code: 'storage-denied' })
    disk!.readOnly(false)
    disk!.fill()
    expect((await up()).error).toMatchObject({ code: 'disk-full' })
    expect(existsSync(join(state, 'nodes', 'full', 'node.json'))).toBe(false)
    // Room for what is written here, and not for LND's databases.
    disk!.free()
    disk!.occupy(ROOM_KIB - 400)
    expect((await up()).error).toMatchObject({ code: 'disk-full' })
    await expect.poll(() => pidOf('full'), { timeout: 60_000 }).toBeUndefined()
    disk!.free()
    const made = await up()
    expect(made.last, made.stderr).toMatchObject({ event: 'up', created: true })
    kill('full')
  })
})
