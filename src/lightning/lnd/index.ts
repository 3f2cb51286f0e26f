export { createLndNode } from './node.ts'
export { type LndOptions, type LndSpecContext, parseLndSpec } from './spec.ts'
