import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NETWORK_NAMES, NETWORKS } from '../networks/networks.ts'
import { checkPeer, type LndSettings, lndConfig } from './config.ts'

const settings: LndSettings = {
  name: 'alice',
  network: 'mainnet',
  peerPort: 20_001,
  rpcPort: 20_002,
  passwordFile: '/home/me/nodes/alice/wallet.password',
  offline: false,
  chain: { kind: 'neutrino', peers: [] },
}
const rpc = { host: 'localhost', port: 8334, user: 'me', password: 'se=cret', cert: '/home/me/.btcd/rpc.cert' }
const linesOf = (more: Partial<LndSettings>): string[] => lndConfig({ ...settings, ...more }).split('\n')
const refused = expect.objectContaining({ code: 'option-invalid' })

describe('lnd.conf', () => {
  it.each(NETWORK_NAMES)('of %s names that network alone, and listens on loopback alone', (network) => {
    const lines = linesOf({ network })
    const chosen = NETWORK_NAMES.filter((name) => lines.includes(`${NETWORKS[name].lndFlag}=1`))
    expect(chosen).toEqual([network])
    expect(lines.filter((line) => /listen=/.test(line))).toEqual([
      'listen=127.0.0.1:20001',
      'rpclisten=127.0.0.1:20002',
    ])
    expect(lines).toEqual(expect.arrayContaining(['norest=1', 'db.backend=sqlite', 'wallet-unlock-allow-create=1']))
    expect(lines).not.toContain('noseedbackup=1')
  })

  it.each([
    ['on mainnet by itself', { network: 'mainnet' }, true],
    ['on signet by itself', { network: 'signet' }, true],
    ['with Bitcoin nodes that are named', { chain: { kind: 'neutrino', peers: ['127.0.0.1:8333'] } }, false],
    ['offline', { offline: true }, false],
    ['on regtest', { network: 'regtest' }, false],
    ['on simnet', { network: 'simnet' }, false],
    ['on a full node', { chain: { kind: 'btcd', rpc } }, true],
  ] as ReadonlyArray<readonly [string, Partial<LndSettings>, boolean]>)('%s: looks for nodes: %#', (_, more, looks) =>
    expect(linesOf(more).includes('nobootstrap=1')).toBe(!looks),
  )

  it('asks for fees only where a light client must', () => {
    const asked = (more: Partial<LndSettings>) => linesOf(more).filter((line) => line.startsWith('fee.url='))
    expect(asked({})).toEqual([expect.stringMatching(/^fee\.url=https:/)])
    expect(asked({ offline: true })).toEqual(['fee.url=http://127.0.0.1:1/'])
    expect(asked({ network: 'signet' })).toEqual([])
    expect(asked({ chain: { kind: 'btcd', rpc } })).toEqual([])
  })

  it('asks no name server when it is offline, and goes through no proxy otherwise', () => {
    const silent = ['tor.active=1', 'tor.socks=127.0.0.1:1', 'tor.dns=127.0.0.1:1']
    expect(linesOf({ offline: true })).toEqual(expect.arrayContaining(silent))
    expect(linesOf({ offline: true, network: 'regtest' }).join()).not.toContain('tor.')
    expect(linesOf({}).join()).not.toContain('tor.')
  })

  it('names its backend and how to reach it', () => {
    expect(linesOf({ chain: { kind: 'neutrino', peers: ['one.example:8333', '[::1]:8333'] } })).toEqual(
      expect.arrayContaining([
        'bitcoin.node=neutrino',
        'neutrino.connect=one.example:8333',
        'neutrino.connect=[::1]:8333',
      ]),
    )
    expect(linesOf({ chain: { kind: 'btcd', rpc } })).toEqual(
      expect.arrayContaining(['bitcoin.node=btcd', 'btcd.rpchost=localhost:8334', 'btcd.rpcpass=se=cret']),
    )
  })
})

describe('what could be taken for another setting', () => {
  it.each([
    '',
    ':1',
    'host',
    'host:0',
    'host:65536',
    'host:1\nnoseedbackup=1',
    '-x:1',
    'a b:1',
    'a:1;',
    `${'a'.repeat(300)}:1`,
  ])('is no peer: %j', (peer) => {
    expect(() => checkPeer(peer)).toThrow(refused)
    expect(() => lndConfig({ ...settings, chain: { kind: 'neutrino', peers: [peer] } })).toThrow(refused)
  })

  it.each(['/a\nb', '/a$HOME', '~/a', 'a', '/a"b', '/a;b', '/a#b'])('is no path: %j', (passwordFile) =>
    expect(() => lndConfig({ ...settings, passwordFile })).toThrow(refused),
  )

  it('has no line of its own, whatever a value is', () => {
    const plain = lndConfig({ ...settings, chain: { kind: 'btcd', rpc } }).split('\n').length
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (user, password, name) => {
        try {
          const text = lndConfig({ ...settings, name, chain: { kind: 'btcd', rpc: { ...rpc, user, password } } })
          expect(text.split(/[\r\n]/).length).toBe(plain)
        } catch (error) {
          expect(error).toMatchObject({ code: 'option-invalid' })
        }
      }),
      { numRuns: 2000 },
    )
  })
})
