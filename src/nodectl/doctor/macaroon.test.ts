import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMacaroon } from './macaroon.ts'

const packet = (type: number, ...bytes: number[]): number[] => [type, ...varint(bytes.length), ...bytes]
const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)])
const ascii = (text: string): number[] => [...Buffer.from(text)]
const field = (number: number, bytes: readonly number[]): number[] => packet((number << 3) | 2, ...bytes)
const operation = (entity: string, ...actions: string[]): number[] =>
  field(3, [...field(1, ascii(entity)), ...actions.flatMap((action) => field(2, ascii(action)))])

function macaroon(operations: readonly number[], caveats: readonly string[] = []): Uint8Array {
  const identifier = [3, ...field(1, Array(16).fill(7)), ...field(2, ascii('0')), ...operations]
  return Uint8Array.from([
    2,
    ...packet(1, ...ascii('lnd')),
    ...packet(2, ...identifier),
    0,
    ...caveats.flatMap((caveat) => [...packet(2, ...ascii(caveat)), 0]),
    0,
    ...packet(6, ...Array(32).fill(9)),
  ])
}

describe('readMacaroon', () => {
  it('gives every permission, of groups and of single calls', () =>
    expect(
      readMacaroon(macaroon([...operation('info', 'read', 'write'), ...operation('uri', '/lnrpc.Lightning/GetInfo')])),
    ).toEqual({ permissions: ['info:read', 'info:write', 'uri:/lnrpc.Lightning/GetInfo'], caveats: [] }))

  it('gives what narrows it', () =>
    expect(readMacaroon(macaroon(operation('info', 'read'), ['ipaddr 127.0.0.1', 'time-before x']))).toMatchObject({
      caveats: ['ipaddr 127.0.0.1', 'time-before x'],
    }))

  it.each([
    ['nothing', new Uint8Array()],
    ['a certificate', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['a macaroon that ends too early', macaroon(operation('info', 'read')).subarray(0, 40)],
    ['a great deal', Buffer.alloc(1 << 20, 2)],
  ])('knows %s for none', (_, bytes) => expect(readMacaroon(bytes)).toBeUndefined())

  it('reads whatever it is given, and ends', () => {
    const whole = macaroon(operation('offchain', 'read', 'write'), ['a'])
    const changed = fc
      .tuple(fc.nat(whole.length - 1), fc.nat(255))
      .map(([at, value]) => Uint8Array.from(whole, (byte, index) => (index === at ? value : byte)))
    const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from([2, ...bytes]))
    fc.assert(
      fc.property(fc.oneof(changed, any), (bytes) => {
        for (const permission of readMacaroon(bytes)?.permissions ?? []) expect(permission).toContain(':')
      }),
      { numRuns: 3000 },
    )
  })
})
