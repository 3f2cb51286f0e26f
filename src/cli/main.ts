#!/usr/bin/env node
import { runInSmallHeap } from './smallHeap.ts'

/** The commands that carry bodies. */
const CARRYING = ['sell', 'get', 'proxy']

if (CARRYING.includes(process.argv[2] ?? '')) runInSmallHeap()
await import('./program.ts')
