/** Bitcoin networks, by the names BOLT 11 and the MPP drafts know. Money of one is nothing on another. */
export type Network = 'mainnet' | 'testnet' | 'signet' | 'regtest' | 'simnet'
