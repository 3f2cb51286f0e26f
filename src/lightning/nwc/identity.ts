import { StreamError } from '../../errors/error.ts'
import { sat } from '../../money/msat.ts'
import type { DecodedInvoice } from '../../wire/bolt11.ts'
import { verifyMessage } from '../../wire/message.ts'
import type { Network, NodeAbilities } from '../node.ts'
import { type Asked, ask } from './ask.ts'
import { brief, WalletRefusal, walletError } from './errors.ts'
import { makeInvoice } from './invoices.ts'
import type { WalletService } from './link.ts'
import { infoSchema, signedSchema } from './messages.ts'

/** Who a wallet is, and what this connection to it may do. */
export interface Identity {
  readonly network: Network
  /** The key that signs its invoices. */
  readonly publicKey: string
  readonly alias: string
  readonly methods: ReadonlySet<string>
  readonly abilities: NodeAbilities
}

/** What the wallet has to allow, at least. */
export const NEEDED = {
  seller: ['make_invoice', 'lookup_invoice'],
  buyer: ['pay_invoice', 'lookup_invoice'],
} as const

/** NIP-47's names of networks, and others that wallets give. */
const NETWORKS: Readonly<Record<string, Network>> = {
  mainnet: 'mainnet',
  bitcoin: 'mainnet',
  testnet: 'testnet',
  testnet4: 'testnet',
  signet: 'signet',
  regtest: 'regtest',
  simnet: 'simnet',
}
const PROBE = { amount: sat(1), description: 'which node signs (not to be paid)', expiresInSeconds: 60 }

/**
 * Finds out who the wallet is. Which key signs its invoices, and on which network they are, is shown by an invoice of its own rather than believed:
 * behind a service it is the service's node that signs, whatever the wallet calls its key. A buyer's wallet is
 * asked for one only where it does not say on which network it is.
 * @throws StreamError `node-denied` (a permission is missing), `network-mismatch`, `network-refused`, `node-…`
 */
export async function identify(
  link: Asked,
  service: WalletService,
  { role, wallet }: { readonly role: 'seller' | 'buyer' | undefined; readonly wallet: string },
): Promise<Identity> {
  const info = await ask(link, infoSchema, 'get_info', {}).catch((error) => {
    // A wallet may keep to itself who it is.
    if (error instanceof WalletRefusal && /^(RESTRICTED|NOT_IMPLEMENTED)$/.test(error.code)) return undefined
    throw walletError(error, 'asking the wallet who it is')
  })
  const methods = new Set(info?.methods ?? service.methods)
  const missing = role ? NEEDED[role].filter((method) => !methods.has(method)) : []
  if (missing.length > 0) {
    const message = `this wallet connection may not ${missing.join(' and ')}, which a ${role} needs: allow it in the wallet`
    throw new StreamError('node-denied', message, { missing: missing.join(',') })
  }
  const named = networkNamed(info?.network ?? '')
  const probed = methods.has('make_invoice') && (role !== 'buyer' || named === undefined)
  const invoice = probed ? await makeInvoice(link, PROBE) : undefined
  const network = settleNetwork(named, invoice)
  const publicKey = invoice?.payee ?? keyIn(info?.pubkey) ?? `02${wallet}`
  return {
    network,
    publicKey,
    alias: brief(info?.alias ?? ''),
    methods,
    abilities: {
      sign: role !== 'buyer' && methods.has('sign_message') && (await signs(link, publicKey)),
      settlements: (info?.notifications ?? service.notifications).includes('payment_received') ? 'pushed' : 'polled',
      keysend: methods.has('pay_keysend'),
      anyAmount: false,
    },
  }
}

function networkNamed(name: string): Network | undefined {
  if (name === '') return undefined
  const network = NETWORKS[name.toLowerCase()]
  if (network) return network
  throw new StreamError('network-refused', `the wallet is on "${brief(name)}", which Stream does not know`)
}

function settleNetwork(named: Network | undefined, invoice: DecodedInvoice | undefined): Network {
  const network = named ?? invoice?.network
  if (network === undefined) {
    const message = 'the wallet does not say on which network it is, and may not make an invoice that would show it'
    throw new StreamError('node-denied', message, { missing: 'get_info' })
  }
  if (invoice && invoice.network !== network) {
    const message = `the wallet says that it is on ${network}, and its invoices are on ${invoice.network}`
    throw new StreamError('network-mismatch', message, { network: invoice.network, expected: network })
  }
  return network
}

const keyIn = (text: string | null | undefined): string | undefined =>
  text && /^0[23][0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : undefined

/** Whether the wallet signs, and with the key of its invoices: another's signature would prove nothing. */
async function signs(link: Asked, publicKey: string): Promise<boolean> {
  try {
    const text = `which key signs: ${crypto.randomUUID()}`
    return verifyMessage(text, await signMessage(link, text)) === publicKey
  } catch {
    return false
  }
}

/** @throws StreamError `node-…` */
export async function signMessage(link: Asked, text: string): Promise<string> {
  const { signature } = await ask(link, signedSchema, 'sign_message', { message: text }).catch((error) => {
    throw walletError(error, 'signing')
  })
  return signature
}
