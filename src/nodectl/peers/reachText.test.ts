import { describe, expect, it } from 'vitest'
import { isLocal, PORT_WORDS, type Reach, reachOf, reachWords, TOR_WORDS } from './reachText.ts'

const reach = (listening: readonly string[] | undefined, announced: readonly string[] = []): Reach => ({
  listening,
  announced,
  tor: false,
})

describe('reachability', () => {
  it.each([
    ['local', reach(['127.0.0.1:9735']), /only this machine or this local network/],
    ['local', reach(['192.168.1.5:9735', 'localhost:9735']), /192\.168\.1\.5:9735/],
    ['local', reach(undefined, ['10.0.0.2:9735']), /10\.0\.0\.2:9735/],
    ['listens', reach(['0.0.0.0:9735']), /announces no address.*|externalip/],
    ['listens', reach([':9735', '127.0.0.1:9735']), /:9735/],
    ['listens', reach(['[::]:9735']), /told where, and let through/],
    ['announced', reach(['0.0.0.0:9735'], ['203.0.113.7:9735']), /cannot be seen from here/],
    ['onion', reach(['localhost:9735'], ['abcdefgh.onion:9735']), /through Tor, at abcdefgh\.onion:9735/],
    ['closed', reach([]), /listens for no peers/],
    ['unknown', reach(undefined), /does not tell/],
  ] as const)('is %s for %j', (verdict, node, words) => {
    expect(reachOf(node)).toBe(verdict)
    expect(reachWords(node).join('\n')).toMatch(words)
  })

  it('is never promised: what is announced may still be behind a router', () => {
    expect(reachWords(reach(['0.0.0.0:9735'], ['203.0.113.7:9735'])).join(' ')).not.toMatch(/is reachable/)
  })

  it.each([
    '127.0.0.1:1',
    '10.1.2.3:1',
    '172.16.0.1:1',
    '172.31.255.1:1',
    '192.168.0.1:1',
    '100.64.0.1:1',
    '169.254.1.1:1',
    'localhost:1',
    '[::1]:1',
    '[fd00::1]:1',
    '[fe80::1]:1',
  ])('%s is local', (address) => expect(isLocal(address)).toBe(true))

  it.each([
    '0.0.0.0:1',
    '[::]:1',
    ':9735',
    '8.8.8.8:1',
    '172.32.0.1:1',
    '100.128.0.1:1',
    '[2001:db8::1]:1',
    'example.com:1',
    '10.example.com:1',
  ])('%s is not', (address) => expect(isLocal(address)).toBe(false))

  it('a buyer needs no port, and Tor is the way round a router', () => {
    expect(PORT_WORDS[0]).toMatch(/buys needs no open port/)
    expect(TOR_WORDS).toContain('  tor.active=1')
  })
})
