import { accessSync, constants, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Output } from '../output/output.ts'

const NEWLINE = 10
/** How much of a failed answer is shown, and read: a seller may send one without an end. */
const EXCERPT = 300
const MAX_PROBLEM_BYTES = 64 * 1024

/** Finds out before anything is paid that a file cannot be written. @throws StreamError `option-invalid`, or the system's error */
export function checkWritable(file: string): void {
  const path = resolve(file)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory()) throw new StreamError('option-invalid', `${path} is a folder; name a file`)
  accessSync(stat ? path : dirname(path), constants.W_OK)
}

/**
 * Hands the body on as it comes, and no faster than it is taken: a reader that pauses pauses the stream, and with it the
 * payments. With `--json` and no file it becomes events, so that nothing that was paid for is lost.
 * @throws StreamError `seller-failed` or the seller's own problem for an answer that is no success
 */
export async function transfer(response: Response, file: string | undefined, output: Output): Promise<void> {
  output.event('response', { status: response.status, type: response.headers.get('content-type') ?? '' })
  if (!response.ok) throw await failureOf(response)
  if (file !== undefined) await toFile(response, file)
  else if (output.json) await toEvents(response, output)
  else await toStdout(response)
}

async function toFile(response: Response, file: string): Promise<void> {
  const handle: FileHandle = await open(file, 'w')
  try {
    for await (const chunk of response.body ?? []) await handle.writeFile(chunk)
  } catch (error) {
    // A full disk is told at the write, which does not know the name.
    throw error instanceof Error && 'syscall' in error ? Object.assign(error, { path: file }) : error
  } finally {
    await handle.close()
  }
}

async function toEvents(response: Response, output: Output): Promise<void> {
  for await (const chunk of response.body ?? []) {
    output.event('data', { base64: Buffer.from(chunk).toString('base64') })
  }
}

async function toStdout(response: Response): Promise<void> {
  let last = NEWLINE
  try {
    for await (const chunk of response.body ?? []) {
      await writeOut(chunk)
      last = chunk.at(-1) ?? last
    }
  } finally {
    // On a terminal, what is said next begins a line of its own.
    if (last !== NEWLINE && process.stdout.isTTY) process.stdout.write('\n')
  }
}

function writeOut(chunk: Uint8Array): Promise<void> {
  return new Promise((done, failed) => {
    process.stdout.write(chunk, (error) => (error ? failed(error) : done()))
  })
}

async function failureOf(response: Response): Promise<StreamError> {
  const { status } = response
  const text = await readStart(response)
  const problem = problemOf(text)
  if (problem) return problem
  const answer = /^text\/html/i.test(response.headers.get('content-type') ?? '') ? '' : text.trim().slice(0, EXCERPT)
  const details = { status: `${status}`, ...(answer !== '' && { answer }) }
  return new StreamError('seller-failed', `${new URL(response.url).origin} answered ${status}`, details)
}

async function readStart({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    length += chunk.byteLength
    if (length >= MAX_PROBLEM_BYTES) break
  }
  return Buffer.concat(chunks).subarray(0, MAX_PROBLEM_BYTES).toString()
}

function problemOf(text: string): StreamError | undefined {
  try {
    return fromProblem(JSON.parse(text))
  } catch {
    return undefined
  }
}
