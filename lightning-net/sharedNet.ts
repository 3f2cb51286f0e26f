import { inject } from 'vitest'
import type { SharedNet } from './shared.ts'

/** Why no LND can run here; `undefined` where it can. For files whose networks are their own. */
export const noLnd = (): string | undefined => inject('lightningNets').skip

/**
 * The network that a test file has until its end, and that the files before and after it use too: each of vitest's workers has one.
 * @throws Error that says why it did not start
 * @example const { net, skip } = await sharedNet()
 */
export async function sharedNet(): Promise<{ readonly net?: SharedNet; readonly skip?: string }> {
  const { url, skip } = inject('lightningNets')
  if (skip !== undefined) return { skip }
  const response = await fetch(`${url}/${process.env.VITEST_POOL_ID}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return { net: JSON.parse(text) as SharedNet }
}
