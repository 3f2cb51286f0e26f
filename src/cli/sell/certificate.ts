import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { StreamError } from '../../errors/error.ts'

/** PEM files for https. @throws StreamError `option-invalid`, or the system's error for a file */
export function certificate({
  cert,
  key,
}: {
  readonly cert?: string | undefined
  readonly key?: string | undefined
}): { readonly cert: Buffer; readonly key: Buffer } | undefined {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    throw new StreamError('option-invalid', 'https takes both --cert and --key')
  }
  const pems = { cert: readFileSync(cert), key: readFileSync(key) }
  try {
    createSecureContext(pems)
  } catch (error) {
    throw new StreamError('option-invalid', `${cert} and ${key} are no certificate and its key`, {}, error)
  }
  return pems
}
