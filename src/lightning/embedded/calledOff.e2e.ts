import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { pause } from '../pause.ts'
import { createEmbeddedNode, type EmbeddedNode } from './index.ts'

const home = mkdtempSync(join(tmpdir(), 'streampay-called-off-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('a node whose opening is called off is closed, and its directory is free again', async () => {
  const controller = new AbortController()
  const opening = createEmbeddedNode({ home, name: 'alice', signal: controller.signal })
  controller.abort()
  await expect(opening).rejects.toBe(controller.signal.reason)
  let node: EmbeddedNode | undefined
  while (!node) {
    node = await createEmbeddedNode({ home, name: 'alice' }).catch((error: unknown) => {
      if (!StreamError.is(error) || error.code !== 'node-busy') throw error
      return undefined
    })
    await pause(50)
  }
  expect((await node.info()).alias).toBe('alice')
  await node.close()
})
