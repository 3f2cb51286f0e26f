import { StreamError } from '../../errors/error.ts'

/** Turns what the operating system says into an error that a person can act on; anything else stays as it is. */
export function fromNodeError(error: unknown): unknown {
  if (error instanceof StreamError || !(error instanceof Error)) return error
  const { code, path, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  switch (code) {
    case 'EADDRINUSE':
      return invalid(`port ${port} of ${address} is taken; choose another with --port`, error)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return invalid(`${address ?? 'the address'} is none of this machine's; choose another with --host`, error)
    case 'EACCES':
    case 'EPERM':
      if (port) return invalid(`port ${port} needs more rights; choose one above 1023 with --port`, error)
      return path ? invalid(`${path} may not be opened`, error) : error
    case 'ENOENT':
      return path ? invalid(`${path} does not exist`, error) : error
    case 'EISDIR':
      return path ? invalid(`${path} is a folder`, error) : error
    case 'ENOTDIR':
      return path ? invalid(`${path} is below something that is no folder`, error) : error
    case 'EROFS':
      return path ? invalid(`${path} is on a read-only disk`, error) : error
    case 'ENOSPC':
    case 'EDQUOT':
      return new StreamError('disk-full', `${path ?? 'what was written to'}: the disk is full`, {}, error)
    case 'EPIPE':
      return new StreamError('interrupted', 'the reader of stdout closed it', {}, error)
  }
  return error
}

const invalid = (message: string, cause: Error): StreamError => new StreamError('option-invalid', message, {}, cause)
