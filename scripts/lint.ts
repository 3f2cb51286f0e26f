/*
 * Formats and lints. `npm run lint` only looks; `npm run lint -- --write` mends what it can.
 */
import { CHECKS } from './run/checks.ts'
import { runNode } from './run/child.ts'

process.exitCode = await runNode([...CHECKS.lint, ...process.argv.slice(2)])
