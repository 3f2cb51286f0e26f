import { readFileSync } from 'node:fs'
import { StreamError } from '../../errors/error.ts'

export interface RequestOptions {
  readonly data?: string
  readonly request?: string
  readonly header: readonly string[]
}

/** A request as its options describe it. @throws StreamError `option-invalid`, or the system's error for a file */
export function requestInit({ data, request, header }: RequestOptions): RequestInit & { readonly method: string } {
  const headers = new Headers()
  for (const line of header) addHeader(headers, line)
  if (data !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const body = data?.startsWith('@') ? new Uint8Array(readFileSync(data.slice(1))) : data
  const method = request ?? (data === undefined ? 'GET' : 'POST')
  if (body !== undefined && /^(?:GET|HEAD)$/i.test(method)) {
    throw new StreamError('option-invalid', `a ${method} request has no body; leave out -X, or -d`)
  }
  return { method, headers, ...(body !== undefined && { body }) }
}

function addHeader(headers: Headers, line: string): void {
  const colon = line.indexOf(':')
  try {
    headers.append(line.slice(0, Math.max(0, colon)).trim(), line.slice(colon + 1).trim())
  } catch (error) {
    throw new StreamError('option-invalid', `"${line}" is not a header; write "Name: value"`, {}, error)
  }
}
