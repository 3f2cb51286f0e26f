import { expect, test } from 'vitest'
import { Gateway, parseConfig } from '../../src/gateway/index.ts'
import { ScriptedNode } from '../../src/lightning/testing/scripted.ts'

test('a gateway whose opening is called off rejects at once; one that is not opens as ever', async () => {
  const config = parseConfig(
    'routes:\n  - path: /**\n    price: 1 sat/request\n    upstream: http://127.0.0.1:9\n',
    'x.yaml',
  )
  const controller = new AbortController()
  const { signal } = controller
  const later = Promise.withResolvers<{ node: ScriptedNode }>()
  const opening = Gateway.open(config, { openSeller: () => later.promise, signal })
  controller.abort()
  await expect(opening).rejects.toBe(signal.reason)
  later.resolve({ node: new ScriptedNode() })
  await expect(Gateway.open(config, { openSeller: () => later.promise, signal })).rejects.toBe(signal.reason)
  const open = await Gateway.open(config, { openSeller: () => later.promise })
  expect(open.routes).toHaveLength(1)
  await open.close()
})
