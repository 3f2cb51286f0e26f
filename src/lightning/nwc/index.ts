export { createNwcNode } from './node.ts'
export { type NwcOptions, parseNwcSpec } from './spec.ts'
