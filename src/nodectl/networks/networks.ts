import type { Network } from '../../money/network.ts'

/** What sets one Bitcoin network apart from the others, and what a user of it has to know. */
export interface NetworkFacts {
  /** Line of lnd.conf's `[Bitcoin]` section that selects it. */
  readonly lndFlag: string
  /** LND's name for its directory, below `data/chain/bitcoin/`. */
  readonly lndName: string
  /** Hash of block 0, as explorers print it. `testnet` has two: testnet3 and testnet4 share every prefix. */
  readonly genesis: readonly string[]
  /** Human part of a segwit address (BIP 173). Testnet and signet share theirs. */
  readonly hrp: string
  /** First byte of a base58 address: of a key, of a script. */
  readonly base58: readonly [number, number]
  /** Whether its coins have a price. */
  readonly real: boolean
  /** Whether its chain is made on this machine, so that its nodes never look for others. */
  readonly private: boolean
}

/**
 * Sources: chaincfg of btcd (genesis hashes, address bytes, human parts), lnd's sample-lnd.conf (flags).
 * @example NETWORKS.signet.genesis[0] // '00000008819873e9…'
 */
export const NETWORKS: Readonly<Record<Network, NetworkFacts>> = {
  mainnet: {
    lndFlag: 'bitcoin.mainnet',
    lndName: 'mainnet',
    genesis: ['000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f'],
    hrp: 'bc',
    base58: [0x00, 0x05],
    real: true,
    private: false,
  },
  testnet: {
    lndFlag: 'bitcoin.testnet',
    lndName: 'testnet',
    genesis: [
      '000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943',
      '00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043',
    ],
    hrp: 'tb',
    base58: [0x6f, 0xc4],
    real: false,
    private: false,
  },
  signet: {
    lndFlag: 'bitcoin.signet',
    lndName: 'signet',
    genesis: ['00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6'],
    hrp: 'tb',
    base58: [0x6f, 0xc4],
    real: false,
    private: false,
  },
  regtest: {
    lndFlag: 'bitcoin.regtest',
    lndName: 'regtest',
    genesis: ['0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'],
    hrp: 'bcrt',
    base58: [0x6f, 0xc4],
    real: false,
    private: true,
  },
  simnet: {
    lndFlag: 'bitcoin.simnet',
    lndName: 'simnet',
    genesis: ['683e86bd5c6d110d91b94b97137ba6bfe02dbbdb8e3dff722a669b5d69d77af6'],
    hrp: 'sb',
    base58: [0x3f, 0x7b],
    real: false,
    private: true,
  },
}

export const NETWORK_NAMES = Object.keys(NETWORKS) as readonly Network[]
