import { describe, expect, test } from 'vitest'
import { Reachable } from './reach.ts'

const closed = new Reachable({ privateNetworks: false, to: new URL('http://10.9.9.9:8080/v1') })
const open = new Reachable({ privateNetworks: true, to: undefined })
const refused = expect.objectContaining({ code: 'target-refused' })

describe('a name', () => {
  test.each([[['93.184.216.34']], [['2606:2800:220:1:248:1893:25c8:1946']]])(
    'that stands for %j is open',
    (addresses) => {
      expect(closed.refusal('public.example', addresses)).toBeUndefined()
    },
  )

  test.each([
    [['127.0.0.1']],
    [['::1']],
    [['10.0.0.1']],
    [['93.184.216.34', '192.168.0.1']],
    [['::ffff:10.0.0.1']],
    [['::ffff:7f00:1']],
    [['fd12::1']],
    [['169.254.169.254']],
  ])('that stands for %j is not', (addresses) => {
    expect(closed.refusal('public.example', addresses)).toEqual(refused)
  })

  test('of a private network is open where that is', () => {
    expect(open.refusal('nas.example', ['192.168.0.7'])).toBeUndefined()
    for (const address of ['127.0.0.1', '::1', '169.254.169.254', 'fd00:ec2::254']) {
      expect(open.refusal('rebound.example', [address])).toEqual(refused)
    }
  })

  test('that --to has is open', () => {
    expect(closed.refusal('10.9.9.9', ['10.9.9.9'])).toBeUndefined()
  })

  test('localhost is this machine, and nothing else', () => {
    expect(closed.refusal('localhost', ['127.0.0.1', '::1'])).toBeUndefined()
    expect(closed.refusal('localhost', ['10.0.0.1'])).toEqual(refused)
  })
})

test('an address is judged as it is written, in every way of writing it', () => {
  for (const text of [
    'http://10.0.0.1/',
    'http://167772161/',
    'http://0xa.1/',
    'http://[::ffff:a00:1]/',
    'ftp://x.example/',
  ]) {
    expect(() => closed.check(new URL(text)), text).toThrow(refused)
  }
  for (const text of [
    'http://127.0.0.1:2402/',
    'http://[::1]/',
    'http://localhost/',
    'http://10.9.9.9:8080/v1/x',
    'https://x.example/',
  ]) {
    expect(() => closed.check(new URL(text)), text).not.toThrow()
  }
})
