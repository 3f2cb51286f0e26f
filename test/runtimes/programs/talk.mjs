import process from 'node:process'
import { createInterface } from 'node:readline'

const plain = (_, value) => (typeof value === 'bigint' ? `${value}` : value)

/** One line of JSON for the test. */
export const tell = (message) => process.stdout.write(`${JSON.stringify(message, plain)}\n`)

/** What a failure was, for the test. */
export const failure = (error) => ({ code: error?.code, message: String(error?.message ?? error), hint: error?.hint })

/** Answers lines of JSON, each `{ ask, ... }`, until the input ends. */
export async function answer(asked) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, ...rest } = JSON.parse(line)
    tell({ answer: ask, result: await asked[ask](rest).catch((error) => ({ failed: failure(error) })) })
    if (ask === 'end') break
  }
  process.stdin.destroy()
}
