import { StreamError } from '../../errors/error.ts'

/** Turns what the operating system says into an error that a person can act on; anything else stays as it is. */
export function fromNodeError(error: unknown): unknown {
  if (error instanceof StreamError || !(error instanceof Error)) return error
  const { code, path, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return invalid(`port ${port} of ${address} is taken; choose another with --port`, error)
  if (code === 'EACCES' && port)
    return invalid(`port ${port} needs more rights; choose one above 1023 with --port`, error)
  if (code === 'ENOENT' && path) return invalid(`${path} does not exist`, error)
  if (code === 'EISDIR' && path) return invalid(`${path} is a folder`, error)
  if (code === 'EACCES' && path) return invalid(`${path} may not be opened`, error)
  return error
}

const invalid = (message: string, cause: Error): StreamError => new StreamError('option-invalid', message, {}, cause)
