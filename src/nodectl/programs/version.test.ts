import { describe, expect, it } from 'vitest'
import { isAtLeast, readVersion } from './version.ts'

describe('readVersion', () => {
  it.each([
    ['lnd', 'lnd version 0.21.0-beta commit=v0.21.0-beta', [0, 21, 0]],
    ['lnd', 'lnd version 0.18.5-beta.rc1 commit=\n', [0, 18, 5]],
    ['btcd', 'btcd version 0.25.0-beta', [0, 25, 0]],
    ['btcd', 'btcd version 1.2', [1, 2, 0]],
    ['lnd', 'lncli version 0.21.0-beta', undefined],
    ['lnd', 'my lnd version 0.21.0', undefined],
    ['lnd', 'lnd version next', undefined],
    ['lnd', '', undefined],
  ] as const)('%s: %s', (program, said, version) => expect(readVersion(program, said)).toEqual(version))
})

describe('isAtLeast', () => {
  it.each([
    [[0, 21, 0], [0, 19, 0], true],
    [[0, 19, 0], [0, 19, 0], true],
    [[1, 0, 0], [0, 19, 5], true],
    [[0, 18, 9], [0, 19, 0], false],
    [[0, 19, 0], [0, 19, 1], false],
    [[0, 9, 0], [0, 19, 0], false],
  ] as const)('%j and %j', (version, least, enough) => expect(isAtLeast(version, least)).toBe(enough))
})
