import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
// Without this import the compiler does not find the module that is added to below.
import type {} from 'vitest'
import type { TestProject } from 'vitest/node'
import { canRun } from '../src/nodectl/programs/build.ts'
import { type LightningNet, type LightningNetData, startLightningNet } from './network.ts'
import { printer } from './printer.ts'

/** A network with alice, bob and carol, as a test file has it. */
export type SharedNet = Required<LightningNetData>

/** Where the networks are lent, or why there are none. */
export type LightningNets =
  | { readonly url: string; readonly skip?: undefined }
  | { readonly url?: undefined; readonly skip: string }

declare module 'vitest' {
  interface ProvidedContext {
    /** Asked by `sharedNet`. */
    lightningNets: LightningNets
  }
}

/** One for each worker of vitest, by its number. Each is started when the first file of its worker asks. */
const running = new Map<string, Promise<LightningNet>>()
let lender: Server | undefined

/**
 * For vitest's `globalSetup`: lends every worker a network of its own for a whole test run, since files that run at the same time
 * must not move each other's balances and blocks.
 * Where Go is missing nothing fails: the tests get the reason, to skip with.
 */
export async function setup(project: TestProject): Promise<void> {
  const can = canRun()
  if (!can.ok) {
    process.stderr.write(`Tests with LND are skipped: ${can.reason}\n`)
    project.provide('lightningNets', { skip: can.reason })
    return
  }
  const server = createServer((request, response) => {
    lend(request.url ?? '').then(
      (net) => response.end(JSON.stringify(net)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  lender = server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  project.provide('lightningNets', { url: `http://127.0.0.1:${port}` })
}

async function lend(worker: string): Promise<SharedNet> {
  const starting = running.get(worker) ?? startLightningNet({ carol: true, onProgress: printer() })
  running.set(worker, starting)
  // A network that did not start fails the file that asked, and not those after it.
  starting.catch(() => running.delete(worker))
  const { dir, network, btcd, alice, bob, carol } = await starting
  return { dir, network, btcd, alice, bob, carol: carol! }
}

export async function teardown(): Promise<void> {
  lender?.close()
  const nets = await Promise.allSettled(running.values())
  await Promise.all(nets.map((net) => net.status === 'fulfilled' && net.value.stop()))
  running.clear()
}
