import { expect, test } from 'vitest'
import { isLoopbackHost } from './loopback.ts'

test.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.10', '127.1', '::1', '0:0:0:0:0:0:0:1'])(
  'what listens on %s is heard by this machine alone',
  (host) => {
    expect(isLoopbackHost(host)).toBe(true)
  },
)

test.each([
  '',
  '0.0.0.0',
  '::',
  '0',
  '192.168.1.2',
  '::ffff:192.168.1.2',
  'localhost.example.com',
  'a b',
  'example.com',
])('what listens on "%s" may be heard by others', (host) => {
  expect(isLoopbackHost(host)).toBe(false)
})
