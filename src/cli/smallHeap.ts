/**
 * What carries bodies runs with this. V8's young generation grows to 32 MiB by itself, and hundreds of spent network buffers lie in it
 * until it is full: each chunk is then read into memory that no cache of the processor holds any more, which costs a gateway up to two
 * fifths of its time with large bodies (bench/README.md).
 */
export const SMALL_HEAP = '--max-semi-space-size=2'

const NAME = SMALL_HEAP.split('=')[0]!

/**
 * Starts this process again with that option, which V8 takes only at its start: call it before anything else is loaded. It stays the same
 * process to whoever started it. Where the option was set already, or Node cannot do that (before 22.15, on Windows), nothing happens. An
 * `env -S` in the first line would do it too, but not on Alpine.
 */
export function runInSmallHeap(): void {
  const { argv, execArgv, env, execPath } = process
  // V8 takes either spelling.
  const isSet = [...execArgv, env.NODE_OPTIONS ?? ''].some((text) => text.replaceAll('_', '-').includes(NAME))
  // Another runtime than Node takes no option of V8's, or not there.
  if (process.versions.bun !== undefined || process.versions.deno !== undefined) return
  // A parent that talks to this process by Node's own channel would lose it.
  if (isSet || process.connected || typeof process.execve !== 'function') return
  process.execve(execPath, [execPath, ...execArgv, SMALL_HEAP, ...argv.slice(1)])
}
