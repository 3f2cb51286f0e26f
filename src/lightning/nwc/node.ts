import { openUnlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import { MAX_MSAT, type Msat, ZERO } from '../../money/msat.ts'
import { verifyMessage } from '../../wire/message.ts'
import type { LightningNode } from '../node.ts'
import { ask } from './ask.ts'
import { walletError } from './errors.ts'
import { identify, signMessage } from './identity.ts'
import { createInvoices, findInvoice, listInvoices, lookupInvoice } from './invoices.ts'
import { WalletLink } from './link.ts'
import { balanceSchema } from './messages.ts'
import { Payments } from './pay.ts'
import { Settlements } from './settlements.ts'
import { type NwcOptions, readConnection } from './spec.ts'
import { WalletStore } from './store.ts'

/**
 * Opens a wallet behind Nostr Wallet Connect (NIP-47), through the relays that its connection string names.
 *
 * `info().abilities` says what this wallet cannot do: see the README for what then takes its place.
 *
 * @throws StreamError `node-spec-invalid` (the file), `node-unreachable` (no relay, or no wallet behind it), `node-denied` (a permission is missing),
 * `network-mismatch`, `network-refused`, `node-corrupt` and `disk-full` (the record), `node-library-missing`
 * @example
 * const node = await createNwcNode({ file: '/home/me/wallet.nwc', folder: '/home/me/.local/share/streampay/nwc', role: 'buyer' })
 * await node.pay({ request: 'lnbc…', maxFee: sat(3), timeoutMs: 30_000 })
 */
export function createNwcNode(options: NwcOptions): Promise<LightningNode> {
  return openUnlessAborted(open(options), options.signal)
}

async function open(options: NwcOptions): Promise<LightningNode> {
  options.signal?.throwIfAborted()
  const connection = readConnection(options.file)
  const { link, service } = await WalletLink.open(connection)
  try {
    const identity = await identify(link, service, { role: options.role, wallet: connection.wallet })
    const { network } = identity
    if (options.network !== undefined && network !== options.network) {
      const message = `this wallet is on ${network}, not on ${options.network}`
      throw new StreamError('network-mismatch', message, { network, expected: options.network })
    }
    return assemble(link, new WalletStore(options.folder, link.publicKey), identity)
  } catch (error) {
    link.close()
    throw error
  }
}

function assemble(link: WalletLink, store: WalletStore, identity: Awaited<ReturnType<typeof identify>>): LightningNode {
  const { network, publicKey, alias, methods, abilities } = identity
  const payments = new Payments(link, store, network)
  const settlements = new Settlements(link, store, {
    pushed: abilities.settlements === 'pushed',
    canList: methods.has('list_transactions'),
  })
  link.onNotification = (type, content) => {
    if (type === 'payment_received') settlements.notified(content)
  }
  // What was told while no relay was there was told to nobody.
  link.onRestored = () => settlements.look()
  return {
    info: async () => ({
      kind: 'nwc',
      network,
      publicKey,
      alias,
      account: link.publicKey,
      canSend: methods.has('get_balance') ? await balance(link) : ZERO,
      // Nothing in NIP-47 tells.
      canReceive: MAX_MSAT,
      abilities,
    }),
    async createInvoices(requests) {
      const made = await createInvoices(link, store, { network, publicKey }, requests)
      settlements.expect()
      return made
    },
    pay: (payment) => payments.pay(payment),
    async keysend(payment) {
      if (!abilities.keysend) throw new StreamError('node-unable', 'this wallet connection may not pay_keysend')
      return payments.keysend(payment)
    },
    lookupPayment: (paymentHash) => payments.lookup(paymentHash),
    lookupInvoice: (paymentHash) => lookupInvoice(link, paymentHash),
    findInvoice: (paymentHash) => findInvoice(link, paymentHash),
    async listInvoices({ limit }) {
      if (!methods.has('list_transactions')) {
        throw new StreamError('node-unable', 'this wallet connection may not list_transactions')
      }
      return listInvoices(link, limit)
    },
    subscribeSettlements: (since, onSettled, onError) => settlements.subscribe(since, onSettled, onError),
    async signMessage(text) {
      if (!abilities.sign)
        throw new StreamError('node-unable', 'this wallet does not sign with the key of its invoices')
      const signature = await signMessage(link, text)
      if (verifyMessage(text, signature) === publicKey) return signature
      throw new StreamError('node-failed', 'signing: the wallet signed with another key than before')
    },
    async close() {
      settlements.end()
      link.close()
      store.close()
    },
  }
}

async function balance(link: WalletLink): Promise<Msat> {
  const said = await ask(link, balanceSchema, 'get_balance', {}).catch((error) => {
    throw walletError(error, 'asking for the balance')
  })
  return said.balance
}
