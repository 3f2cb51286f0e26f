import { openUnlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import { type Msat, minus, msat, sat } from '../../money/msat.ts'
import type { LightningNode, Network, NodeAbilities, NodeIdentity, NodeInfo } from '../node.ts'
import { rethrow } from './errors.ts'
import { createInvoice, findInvoice, listInvoices, settledAmount } from './invoices.ts'
import { keysend, lookup, pay } from './pay.ts'
import { type LndChannel, type LndInfo, type LndRpc, openRpc } from './rpc.ts'
import { subscribeSettlements } from './settlements.ts'
import type { LndOptions } from './spec.ts'

/** Short, since this is the first call: a wrong address must not take half a minute to be told. */
const GET_INFO_MS = 10_000

/**
 * Connects to an LND over gRPC. Its macaroon needs `info:read`, `offchain:read`, and then `invoices:read
 * invoices:write message:write` to sell, `offchain:write` to buy.
 *
 * @throws StreamError `node-unreachable`, `node-locked`, `node-denied`, `node-spec-invalid`, `node-library-missing`,
 * `network-mismatch` (the node is not on `options.network`), `network-refused` (a network Stream does not know)
 * @example
 * const node = await createLndNode(parseLndSpec('lnd:/home/me/.lnd'))
 * const [invoice] = await node.createInvoices([{ amount: sat(10), description: 'tea', expiresInSeconds: 600 }])
 */
export function createLndNode(options: LndOptions): Promise<LightningNode> {
  return openUnlessAborted(open(options), options.signal)
}

async function open(options: LndOptions): Promise<LightningNode> {
  options.signal?.throwIfAborted()
  const rpc = await openRpc(options)
  let identity: NodeIdentity
  try {
    identity = { kind: 'lnd', ...identityOf(await getInfo(rpc)), abilities: ABILITIES }
    const { network } = identity
    if (options.network !== undefined && network !== options.network) {
      throw new StreamError('network-mismatch', `this LND is on ${network}, not on ${options.network}`)
    }
  } catch (error) {
    rpc.close()
    throw error
  }
  const subscriptions = new Set<() => void>()
  return {
    identity,
    info: () => info(rpc, identity),
    createInvoices: (requests) => Promise.all(requests.map((request) => createInvoice(rpc, request))),
    pay: (payment) => pay(rpc, payment),
    keysend: (payment) => keysend(rpc, payment),
    lookupPayment: (paymentHash) => lookup(rpc, paymentHash),
    lookupInvoice: (paymentHash) => settledAmount(rpc, paymentHash),
    findInvoice: (paymentHash) => findInvoice(rpc, paymentHash),
    listInvoices: ({ limit }) => listInvoices(rpc, limit),
    subscribeSettlements(since, onSettled, onError) {
      const end = subscribeSettlements(rpc, since, onSettled, onError)
      subscriptions.add(end)
      return () => {
        subscriptions.delete(end)
        end()
      }
    },
    signMessage: (text) => signMessage(rpc, text),
    async close() {
      for (const end of subscriptions) end()
      subscriptions.clear()
      rpc.close()
    },
  }
}

const ABILITIES: NodeAbilities = { sign: true, settlements: 'pushed', keysend: true, anyAmount: true }

async function info(rpc: LndRpc, identity: NodeIdentity): Promise<NodeInfo> {
  const { channels } = await rpc.call('listChannels', { active_only: true }).catch(rethrow('listing channels'))
  return {
    ...identity,
    canSend: total(channels, (channel) => above(channel.local_balance, channel.local_constraints)),
    canReceive: total(channels, (channel) => above(channel.remote_balance, channel.remote_constraints)),
  }
}

/** What a side of a channel can spend: its balance without the reserve it must keep. */
function above(balance: string, constraints: LndChannel['local_constraints']): Msat {
  return minus(sat(BigInt(balance)), sat(BigInt(constraints?.chan_reserve_sat ?? 0)))
}

const total = (channels: readonly LndChannel[], amount: (channel: LndChannel) => Msat): Msat =>
  msat(channels.reduce((sum, channel) => sum + amount(channel), 0n))

const getInfo = (rpc: LndRpc): Promise<LndInfo> =>
  rpc.call('getInfo', {}, GET_INFO_MS).catch(rethrow('asking LND who it is'))

/** LND's names. Both test networks share one invoice prefix and one name in the drafts. */
const NETWORKS: Readonly<Record<string, Network>> = {
  mainnet: 'mainnet',
  testnet: 'testnet',
  testnet4: 'testnet',
  signet: 'signet',
  regtest: 'regtest',
  simnet: 'simnet',
}

/** Who an LND says it is. @throws StreamError `network-refused` */
export function identityOf(own: LndInfo): Pick<NodeInfo, 'network' | 'publicKey' | 'alias'> {
  const name = own.chains[0]?.network ?? ''
  const network = NETWORKS[name]
  if (network === undefined) throw new StreamError('network-refused', `LND is on "${name}", which Stream does not know`)
  return { network, publicKey: own.identity_pubkey, alias: own.alias }
}

async function signMessage(rpc: LndRpc, text: string): Promise<string> {
  const { signature } = await rpc.call('signMessage', { msg: Buffer.from(text, 'utf8') }).catch(rethrow('signing'))
  return signature
}
