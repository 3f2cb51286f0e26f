import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ManagedNode } from '../../nodectl/managed/record.ts'
import type { Output } from '../output/output.ts'
import { readBtcd } from './btcd.ts'
import { chooseNode } from './name.ts'
import { showSeed } from './seed.ts'
import { nameOf } from './up.ts'

const node = (name: string, lab = false): ManagedNode => ({
  name,
  network: 'regtest',
  backend: 'neutrino',
  rpcPort: 20_001,
  peerPort: 20_002,
  chainPeers: [],
  program: '/lnd',
  lab,
  dir: `/nodes/${name}`,
})
const unknown = expect.objectContaining({ code: 'node-spec-invalid' })

describe('the node that is meant', () => {
  it('is named, or the only one', () => {
    expect(chooseNode([node('a'), node('b')], 'b').name).toBe('b')
    expect(chooseNode([node('a')], undefined).name).toBe('a')
  })

  it.each([
    ['none yet', [], undefined, /node up/],
    ['several', [node('a'), node('b')], undefined, /a, b/],
    ['another', [node('a')], 'c', /"c"; there are a/],
  ] as ReadonlyArray<readonly [string, ManagedNode[], string | undefined, RegExp]>)(
    'is asked for: %s',
    (_, nodes, name, words) => {
      expect(() => chooseNode(nodes, name)).toThrow(unknown)
      expect(() => chooseNode(nodes, name)).toThrow(words)
    },
  )

  it('is called after its network when it is new', () => {
    expect(nameOf({ name: 'me', network: 'mainnet' }, [])).toBe('me')
    expect(nameOf({ network: 'mainnet' }, [node('a')])).toBe('mainnet')
    expect(nameOf({}, [])).toBe('regtest')
    expect(nameOf({}, [node('a'), node('lab-bob', true)])).toBe('a')
    expect(() => nameOf({}, [node('a'), node('b')])).toThrow(unknown)
  })
})

describe('the seed', () => {
  const words = Array.from({ length: 24 }, (_, n) => `word${n + 1}`)
  const said: string[] = []
  const output = { json: false, say: (text: string) => void said.push(text) } as unknown as Output
  const rightly = async (question: string): Promise<string> => ` WORD${/\d+/.exec(question)![0]} `

  it('is shown whole and asked for in three places', async () => {
    const asked: string[] = []
    await showSeed(words, 'mainnet', false, output, async (question) => {
      asked.push(question)
      return rightly(question)
    })
    expect(asked).toHaveLength(3)
    for (const word of words) expect(said.join('\n')).toMatch(new RegExp(`\\b${word}\\b`))
  })

  it('is forgiven a typing error, and not known by guessing', async () => {
    let wrong = 2
    await showSeed(words, 'signet', false, output, async (question) => (wrong-- > 0 ? 'x' : rightly(question)))
    await expect(showSeed(words, 'signet', false, output, async () => 'x')).rejects.toMatchObject({
      code: 'seed-unkept',
    })
  })

  it('is not asked for when that was asked for', () =>
    showSeed(words, 'signet', true, output, () => expect.unreachable('asked')))
})

describe("btcd's own directory", () => {
  const dir = mkdtempSync(join(tmpdir(), 'streampay-btcd-'))
  const conf = (text: string): void => writeFileSync(join(dir, 'btcd.conf'), text)
  it('says how to reach it', () => {
    conf('; rpcuser=no\n[Application Options]\nrpcuser=me\n  rpcpass = se=cret \nrpclisten=127.0.0.1:9000\n')
    const found = { host: '127.0.0.1', port: 9000, user: 'me', password: 'se=cret', cert: join(dir, 'rpc.cert') }
    expect(readBtcd(dir, 'mainnet')).toEqual(found)
    expect(readBtcd(`${dir}@other.example:9001`, 'mainnet')).toEqual({ ...found, host: 'other.example', port: 9001 })
    conf('rpcuser=me\nrpcpass=x\nrpccert=/certs/a.cert\n')
    expect(readBtcd(dir, 'mainnet')).toMatchObject({ port: 8334, cert: '/certs/a.cert' })
  })
  it('is refused without what it takes', () => {
    conf('rpcuser=me\n')
    expect(() => readBtcd(dir, 'mainnet')).toThrow(expect.objectContaining({ code: 'option-invalid' }))
    rmSync(dir, { recursive: true })
    expect(() => readBtcd(dir, 'mainnet')).toThrow(/there is no/)
  })
})
