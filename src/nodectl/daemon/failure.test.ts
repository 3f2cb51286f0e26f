import { describe, expect, it } from 'vitest'
import { daemonFailure } from './failure.ts'

describe('why LND ended', () => {
  it.each([
    ['unable to listen on 127.0.0.1:10009: listen tcp 127.0.0.1:10009: bind: address already in use', 'port-taken'],
    [
      'error unlocking wallet with password from file: invalid passphrase for master public key',
      'wallet-password-wrong',
    ],
    ['write /x/data: no space left on device', 'disk-full'],
    ['unable to open sqlite: database or disk is full', 'disk-full'],
    ['open /x/logs/lnd.log: read-only file system', 'storage-denied'],
    ['attempt to write a readonly database', 'storage-denied'],
    ["loadConfig: unknown flag `logging.file.max-files'", 'lnd-unsuitable'],
    ['unable to create chain control: mismatched networks', 'network-mismatch'],
    ['panic: something nobody has seen before', 'node-failed'],
    ['', 'node-failed'],
  ])('%j', (said, code) => expect(daemonFailure('alice', said)).toMatchObject({ code }))

  it('gives its last words, and not all of them', () => {
    const { message } = daemonFailure('alice', Array.from({ length: 500 }, (_, n) => `line ${n}`).join('\n'))
    expect(message).toContain('line 499')
    expect(message).not.toContain('line 480')
    expect(daemonFailure('alice', 'x'.repeat(100_000)).message.length).toBeLessThan(1000)
  })

  it('gives no secret', () => {
    const secret = '5f'.repeat(80)
    expect(daemonFailure('alice', `macaroon ${secret}`).message).not.toContain(secret)
  })
})
