// Without this import the compiler does not find the module that is added to below.
import type {} from 'vitest'
import type { TestProject } from 'vitest/node'
import { canRun } from '../src/nodectl/programs/build.ts'
import { type LightningNet, type LightningNetData, startLightningNet } from './network.ts'
import { printer } from './printer.ts'

/** The network that all tests of a run share, or why there is none. */
export type SharedLightningNet =
  | { readonly net: Required<LightningNetData>; readonly skip?: undefined }
  | { readonly net?: undefined; readonly skip: string }

declare module 'vitest' {
  interface ProvidedContext {
    /** @example const { net, skip } = inject('lightningNet') */
    lightningNet: SharedLightningNet
  }
}

let running: LightningNet | undefined

/**
 * For vitest's `globalSetup`: one network with alice, bob and carol for a whole test run.
 * Where Go is missing nothing fails: the tests get the reason, to skip with.
 */
export async function setup(project: TestProject): Promise<void> {
  const can = canRun()
  if (!can.ok) {
    process.stderr.write(`Tests with LND are skipped: ${can.reason}\n`)
    project.provide('lightningNet', { skip: can.reason })
    return
  }
  running = await startLightningNet({ carol: true, onProgress: printer() })
  const { dir, network, btcd, alice, bob, carol } = running
  project.provide('lightningNet', { net: { dir, network, btcd, alice, bob, carol: carol! } })
}

export async function teardown(): Promise<void> {
  await running?.stop()
  running = undefined
}
