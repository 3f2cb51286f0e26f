/** A half-open range of bytes. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The single range that a request asks for (RFC 9110, section 14). `undefined`: the whole, which also answers several ranges, other
 * units, and an `If-Range` that no longer fits.
 */
export function readRange(
  headers: Headers,
  size: number,
  etag: string,
  mtime: Date,
): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.get('range')?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  const condition = headers.get('if-range')
  if (condition !== null && condition !== etag && condition !== mtime.toUTCString()) return undefined
  if (match[1] === '') {
    const last = Number(match[2])
    return last === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size }
  }
  const start = Number(match[1])
  const end = match[2] === '' ? size : Math.min(size, Number(match[2]) + 1)
  if (match[2] !== '' && Number(match[2]) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end }
}

/** Whether what the client has is still right (RFC 9110, section 13.1): `If-None-Match` decides alone where it is given. */
export function isUnchanged(headers: Headers, etag: string, mtime: Date): boolean {
  const match = headers.get('if-none-match')
  if (match !== null) {
    return match.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  }
  const since = Date.parse(headers.get('if-modified-since') ?? '')
  return !Number.isNaN(since) && Math.floor(mtime.getTime() / 1000) * 1000 <= since
}
