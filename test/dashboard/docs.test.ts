import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSecret, sign } from '../../src/gateway/webhooks/signature.ts'

const page = readFileSync(new URL('../../docs/dashboard.md', import.meta.url), 'utf8')
const example = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)![1]!
const body = '{"type":"agreement.closed","data":{"title":"ü"}}'
const SECRETS = ['a secret that is long enough', `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`]

function headers(secret: string): Record<string, string> {
  const timestamp = `${Math.floor(Date.now() / 1000)}`
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': timestamp,
    'webhook-signature': sign(readSecret(secret), 'msg_1', timestamp, body),
  }
}

/** What a program prints of one true and one changed delivery. */
const run = (command: string, args: string[], secret: string): string =>
  execFileSync(command, args, { input: JSON.stringify([secret, headers(secret), body]), encoding: 'utf8' }).trim()

test.each(SECRETS)('the JavaScript of the docs verifies, %#', (secret) => {
  const script = `${example('js')}
    const [secret, headers, body] = JSON.parse((await import('node:fs')).readFileSync(0, 'utf8'))
    console.log(verify(secret, headers, body), verify(secret, headers, body + ' '))`
  expect(run(process.execPath, ['--input-type=module', '-e', script], secret)).toBe('true false')
})

const python = (() => {
  try {
    return execFileSync('python3', ['--version'], { encoding: 'utf8' })
  } catch {
    return undefined
  }
})()

test.skipIf(!python).each(SECRETS)(
  `the Python of the docs verifies${python ? '' : ' (skipped: no python3)'}, %#`,
  (secret) => {
    const script = `${example('python')}
import json, sys
secret, headers, body = json.load(sys.stdin)
print(verify(secret, headers, body.encode()), verify(secret, headers, body.encode() + b" "))`
    expect(run('python3', ['-c', script], secret)).toBe('True False')
  },
)
