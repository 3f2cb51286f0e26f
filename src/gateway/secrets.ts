import { readFileSync } from 'node:fs'
import { StreamError } from '../errors/error.ts'

/**
 * The value of a configured header: the text itself, `env:NAME` from the environment, or `file:PATH`.
 * @throws StreamError `config-invalid`; the value is in no message
 */
export function readSecret(text: string, member: string): string {
  const [, kind, name = ''] = /^(env|file):(.+)$/.exec(text) ?? []
  if (kind === undefined) return text
  const value = kind === 'env' ? process.env[name] : readText(name, member)
  if (value === undefined || value === '')
    throw new StreamError('config-invalid', `${member}: ${kind}:${name} is not set`)
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new StreamError('config-invalid', `${member}: ${kind}:${name} has a character that no header carries`)
  }
  return value
}

function readText(path: string, member: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new StreamError('config-invalid', `${member}: ${path} cannot be read`, {}, error)
  }
}
