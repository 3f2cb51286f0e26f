import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { readConfigFile } from './read.ts'
import type { GatewayConfig } from './schema.ts'

/** An editor writes a file in several strokes, and some in several files. */
const QUIET_MS = 150

/**
 * Reads a configuration anew when its file changes. What cannot be read is told to `onTrouble`, and nothing else happens.
 * Returns what ends the watch.
 */
export function watchConfig(
  file: string,
  onChange: (config: GatewayConfig) => Promise<void>,
  onTrouble: (error: StreamError) => void,
): () => void {
  const path = resolve(file)
  const name = basename(path)
  let last: Buffer | undefined
  let reading = readFile(path).then(
    (bytes) => {
      last = bytes
    },
    () => {},
  )
  let timer: ReturnType<typeof setTimeout> | undefined
  const read = async () => {
    try {
      const bytes = await readFile(path)
      if (last?.equals(bytes)) return
      last = bytes
      await onChange(await readConfigFile(path))
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      onTrouble(missing ? new StreamError('config-invalid', `${name} is gone`, {}, error) : toStreamError(error))
    }
  }
  // The folder, because many an editor puts another file in the place of the old one.
  const watcher = watch(dirname(path), (_, changed) => {
    if (changed !== null && changed !== name) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      reading = reading.then(read)
    }, QUIET_MS)
  })
  watcher.on('error', (error) => onTrouble(toStreamError(error)))
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
