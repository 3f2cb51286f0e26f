#!/usr/bin/env node
import { EXIT } from '../errors/codes.ts'
import { runInSmallHeap } from './smallHeap.ts'

/** The commands that carry bodies. */
const CARRYING = ['sell', 'get', 'proxy']

// Before anything is loaded that such a runtime could not load.
if (process.getBuiltinModule?.('node:sqlite') === undefined) {
  console.error(
    `error streampay needs Node.js 22.13 or newer, Deno or Bun: this is ${process.version}  (runtime-unable)`,
  )
  process.exit(EXIT.node)
}
if (CARRYING.includes(process.argv[2] ?? '')) runInSmallHeap()
await import('./program.ts')
