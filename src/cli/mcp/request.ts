import { StreamError } from '../../errors/error.ts'
import { readUrl } from '../options.ts'

/** A request as an agent describes it. */
export interface Asked {
  readonly url: string
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

/** As `fetch` takes it. */
export interface AskedInit {
  readonly method: string
  readonly headers: Headers
  readonly body?: string
}

/** @throws StreamError `option-invalid` */
export function requestOf({ url, method, headers: given = {}, body }: Asked): { url: string; init: AskedInit } {
  let headers: Headers
  try {
    headers = new Headers(given)
  } catch (error) {
    throw new StreamError('option-invalid', 'a header has a name or a value that is none', {}, error)
  }
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const verb = (method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase()
  if (body !== undefined && (verb === 'GET' || verb === 'HEAD')) {
    throw new StreamError('option-invalid', `a ${verb} request has no body`)
  }
  return { url: readUrl(url), init: { method: verb, headers, ...(body !== undefined && { body }) } }
}
