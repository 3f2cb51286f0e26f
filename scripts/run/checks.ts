import { runNode } from './child.ts'

/** What is checked without running a test, as arguments to Node: cheapest first. */
export const CHECKS = {
  types: ['node_modules/typescript/bin/tsc', '-p', '.'],
  lint: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
  layers: ['scripts/layers.ts'],
} as const satisfies Record<string, readonly string[]>

export type CheckName = keyof typeof CHECKS

export const runCheck = async (name: CheckName): Promise<boolean> => (await runNode(CHECKS[name])) === 0
