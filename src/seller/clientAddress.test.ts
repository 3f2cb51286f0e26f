import { expect, test } from 'vitest'
import { LightRequest } from './adapters/request.ts'
import { clientAddress } from './clientAddress.ts'

/** A request as the adapter makes it, from this peer. */
function from(remoteAddress: string | undefined, forwarded: readonly string[] = []): Request {
  const rawHeaders = forwarded.flatMap((value) => ['X-Forwarded-For', value])
  const head = { rawHeaders, socket: { remoteAddress } }
  const none = () => undefined
  return new LightRequest(head, 'http://seller/', none, none) as unknown as Request
}

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::1', '0:0:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8:1:2::99', '2001:db8:1:2'],
  ['2001:0db8:0001:0002::99', '2001:db8:1:2'],
  ['2001:db8::99', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('the peer %s counts as %s', (peer, expected) => {
  expect(clientAddress(from(peer), 0)).toBe(expected)
})

test('what a client writes into X-Forwarded-For counts for nothing unless proxies are trusted', () => {
  expect(clientAddress(from('203.0.113.9', ['198.51.100.1']), 0)).toBe('203.0.113.9')
})

test('with proxies in front the address that the outermost of them saw counts, whatever stands left of it', () => {
  const spoofed = from('127.0.0.1', ['10.9.9.9, 198.51.100.1', '192.0.2.7'])
  expect(clientAddress(spoofed, 1)).toBe('192.0.2.7')
  expect(clientAddress(spoofed, 2)).toBe('198.51.100.1')
  expect(clientAddress(from('127.0.0.1', ['198.51.100.1:4711']), 1)).toBe('198.51.100.1')
  expect(clientAddress(from('127.0.0.1', ['[2001:db8:1:2::9]:4711']), 1)).toBe('2001:db8:1:2')
})

test('where the header is short the peer counts, and where nobody told an address there is none', () => {
  expect(clientAddress(from('127.0.0.1', ['198.51.100.1']), 2)).toBe('127.0.0.1')
  expect(clientAddress(from('127.0.0.1'), 1)).toBe('127.0.0.1')
  expect(clientAddress(from(undefined), 0)).toBeUndefined()
  expect(clientAddress(new Request('http://seller/'), 0)).toBeUndefined()
})

test('what is remembered of an address is short, whatever was written', () => {
  expect(clientAddress(from('127.0.0.1', ['x'.repeat(8000)]), 1)!.length).toBeLessThanOrEqual(64)
})
