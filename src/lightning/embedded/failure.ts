import { StreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'

/**
 * What stopped the node, or kept it from starting, as its users see it: `disk-full`, `node-corrupt`, `node-library-missing`, or
 * `node-unreachable` with the reason.
 * @param path where its state is
 */
export function nodeFailed(error: unknown, path?: string): StreamError {
  if (error instanceof StreamError) return error
  const message = error instanceof Error ? error.message : String(error ?? 'no reason given')
  const trouble = storageTrouble(error)
  if (trouble) {
    const code =
      trouble.kind === 'full' ? 'disk-full' : trouble.kind === 'damaged' ? 'node-corrupt' : 'node-unreachable'
    const where = path === undefined ? '' : `${path}: `
    return new StreamError(code, `${where}${trouble.reason} (${message})`, path === undefined ? {} : { path }, error)
  }
  if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
    return new StreamError('node-library-missing', message, {}, error)
  }
  return new StreamError('node-unreachable', `the node stopped: ${message}`, {}, error)
}

/** As `nodeFailed`, for a file that was to be opened: what else is wrong with it is what it holds. */
export function openingFailed(error: unknown, path: string): StreamError {
  if (error instanceof StreamError || storageTrouble(error)) return nodeFailed(error, path)
  return new StreamError('node-corrupt', `${path} cannot be read: ${(error as Error).message}`, { path }, error)
}
