export type { EmbeddedChannel } from './calls.ts'
export { createEmbeddedNode, type EmbeddedNode, type EmbeddedOptions } from './embedded.ts'
