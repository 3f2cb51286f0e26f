import { runInSmallHeap } from '../src/cli/smallHeap.ts'

/* What reads here does so as the command would. */
runInSmallHeap()
await import('./run.ts')
