/**
 * The one table of everything that can go wrong: code → HTTP status, exit code, title, hint.
 * `docs/errors.md` is made from it, and `satisfies` makes the compiler refuse a row that lacks a column.
 *
 * `type` of the problem document (RFC 9457) is `https://paymentauth.org/problems/<problem>` where the `Payment` scheme
 * names one (draft-httpauth-payment, "Problem types"), and `urn:streampay:problem:<code>` otherwise.
 */

/** Exit codes of the `streampay` command. Stable: scripts may rely on them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  budget: 4,
  payment: 5,
  seller: 6,
  dispute: 7,
  node: 8,
  network: 9,
  unknownOutcome: 10,
  interrupted: 130,
} as const

export type ExitName = keyof typeof EXIT

interface Row {
  /** Status a seller answers with when this is what stopped a request. */
  readonly status: number
  /** Exit code of a command that ends for this reason. */
  readonly exit: ExitName
  readonly title: string
  /** What the reader can do about it. */
  readonly hint: string
  /** Name among the `Payment` scheme's own problem types, where it has one. */
  readonly problem?: string
}

export const CODES = {
  // what a person or a program wrote
  'amount-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Not an amount',
    hint: 'Write amounts like "10 sat", "250 msat" or "0.001 BTC".',
  },
  'amount-out-of-range': {
    status: 400,
    exit: 'usage',
    title: 'Amount out of range',
    hint: 'An amount lies between 0 and 21 million BTC, in whole millisatoshi.',
  },
  'price-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Not a price',
    hint: 'Write prices like "1 sat/MiB", "250 msat/s", "1 sat/1k tokens" or "2 sat/request".',
  },
  'option-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Option not understood',
    hint: 'See `streampay help COMMAND` for what it takes.',
  },
  internal: {
    status: 500,
    exit: 'failed',
    title: 'Unexpected failure',
    hint: 'This is a defect in Stream. Please report it with the message.',
    problem: 'internal-payment-error',
  },
  interrupted: {
    status: 499,
    exit: 'interrupted',
    title: 'Interrupted',
    hint: 'Run the command again; nothing paid is forgotten.',
  },

  // the 402 and what follows it
  'payment-required': {
    status: 402,
    exit: 'refused',
    title: 'Payment required',
    hint: 'Accept the offer in the WWW-Authenticate header, for example with `streampay get URL`.',
    problem: 'payment-required',
  },
  'credential-malformed': {
    status: 402,
    exit: 'refused',
    title: 'Malformed credential',
    hint: 'Send one `Authorization: Payment` header with unpadded base64url JSON.',
    problem: 'malformed-credential',
  },
  'credential-duplicate': {
    status: 400,
    exit: 'refused',
    title: 'More than one credential',
    hint: 'Send exactly one `Authorization: Payment` header.',
    problem: 'bad-request',
  },
  'challenge-malformed': {
    status: 400,
    exit: 'seller',
    title: 'Malformed challenge',
    hint: "The seller's WWW-Authenticate header cannot be read; tell the seller.",
  },
  'challenge-invalid': {
    status: 402,
    exit: 'refused',
    title: 'Unknown or altered challenge',
    hint: 'Use the fresh challenge in this answer.',
    problem: 'invalid-challenge',
  },
  'offer-expired': {
    status: 402,
    exit: 'refused',
    title: 'The offer has expired',
    hint: 'Use the fresh challenge in this answer.',
    problem: 'payment-expired',
  },
  'method-unsupported': {
    status: 400,
    exit: 'refused',
    title: 'Payment method not supported',
    hint: 'Use a method and intent that the challenge names.',
    problem: 'method-unsupported',
  },
  'terms-refused': {
    status: 402,
    exit: 'refused',
    title: 'Terms refused',
    hint: 'Accept the terms of the fresh challenge, or bid closer to them.',
    problem: 'verification-failed',
  },
  'rounds-exhausted': {
    status: 402,
    exit: 'refused',
    title: 'No agreement within the allowed rounds',
    hint: 'Accept the last offer or go elsewhere.',
  },
  'agreement-unknown': {
    status: 402,
    exit: 'refused',
    title: 'Unknown agreement',
    hint: 'It was closed, has expired, or belongs to another seller. Make a new one from the fresh challenge.',
    problem: 'invalid-challenge',
  },
  'agreement-expired': {
    status: 402,
    exit: 'refused',
    title: 'The agreement has expired',
    hint: 'Close it to get its balance back, and make a new one.',
    problem: 'payment-expired',
  },
  'agreement-elsewhere': {
    status: 402,
    exit: 'refused',
    title: 'The agreement is for another resource or price',
    hint: "Make an agreement from this resource's own challenge.",
    problem: 'verification-failed',
  },
  'payment-insufficient': {
    status: 402,
    exit: 'payment',
    title: 'Nothing was paid in time',
    hint: 'Pay an invoice of this agreement, then repeat the request.',
    problem: 'payment-insufficient',
  },
  'too-many-agreements': {
    status: 429,
    exit: 'refused',
    title: 'Too many unpaid agreements',
    hint: 'Wait as long as Retry-After says.',
  },
  'too-many-invoices': {
    status: 429,
    exit: 'refused',
    title: 'Too many unpaid invoices on this agreement',
    hint: 'Pay the open invoices first.',
  },
  'return-invalid': {
    status: 400,
    exit: 'refused',
    title: 'The return invoice cannot be paid',
    hint: "Send a fresh invoice on the agreement's network for no more than the balance.",
  },

  // the buyer's own limits
  'price-too-high': {
    status: 402,
    exit: 'refused',
    title: 'The price is above the limit',
    hint: 'Raise --max-price, or go elsewhere.',
  },
  'unit-mismatch': {
    status: 402,
    exit: 'refused',
    title: 'The price is in another unit than the limit',
    hint: "Give a --max-price for the seller's unit.",
  },
  'transport-insecure': {
    status: 400,
    exit: 'refused',
    title: 'The connection is not private',
    hint: 'Use https, or allow plain http with --insecure where the network is your own.',
  },
  'budget-exhausted': { status: 402, exit: 'budget', title: 'The budget is used up', hint: 'Raise --max.' },
  'window-too-small': {
    status: 402,
    exit: 'budget',
    title: 'The window is smaller than one step of this stream',
    hint: 'Raise --ahead to at least the amount named here.',
  },
  'invoice-invalid': {
    status: 402,
    exit: 'seller',
    title: 'Not a valid invoice',
    hint: 'Nothing was paid. Tell the seller.',
  },
  'invoice-mismatch': {
    status: 402,
    exit: 'seller',
    title: 'The invoice is not what was agreed',
    hint: 'Nothing was paid. The amount, network, payee or expiry differs from the agreement.',
  },

  // money on its way
  'no-route': {
    status: 502,
    exit: 'payment',
    title: 'No route to the payee',
    hint: 'Open a channel to the seller, or add liquidity.',
  },
  'balance-insufficient': {
    status: 502,
    exit: 'payment',
    title: 'Not enough to send',
    hint: 'Add funds to the channel, or pay less ahead.',
  },
  'fee-too-high': {
    status: 502,
    exit: 'payment',
    title: 'Routing would cost more than the fee cap',
    hint: 'Raise the fee cap, pay larger amounts, or open a channel to the seller.',
  },
  'payment-failed': {
    status: 502,
    exit: 'payment',
    title: 'The payment failed',
    hint: 'Nothing left the wallet. Try again.',
  },
  'payment-timeout': {
    status: 504,
    exit: 'payment',
    title: 'The payment did not settle in time',
    hint: 'Try again; the amount returns to the wallet.',
  },
  'payment-unknown': {
    status: 504,
    exit: 'unknownOutcome',
    title: 'The outcome of a payment is unknown',
    hint: 'It counts as spent until the node says otherwise; ask the node about its payment hash before paying again.',
  },

  // the other side
  'seller-unreachable': {
    status: 502,
    exit: 'seller',
    title: 'The seller does not answer',
    hint: 'Check the address, and that the seller runs.',
  },
  'seller-failed': {
    status: 502,
    exit: 'seller',
    title: 'The seller answered with an error',
    hint: 'Nothing is charged for a failed response.',
  },
  'stream-interrupted': {
    status: 502,
    exit: 'seller',
    title: 'The stream broke off',
    hint: 'What was received, paid and left is in this error; the agreement can be resumed.',
  },
  'stream-stalled': {
    status: 504,
    exit: 'seller',
    title: 'The stream stalled',
    hint: 'The seller was paid and delivers nothing. The loss is bounded by --ahead.',
  },
  'count-mismatch': {
    status: 502,
    exit: 'dispute',
    title: 'The seller counts more than was received',
    hint: 'Paying has stopped. Both counts are in this error.',
  },
  'statement-invalid': {
    status: 502,
    exit: 'dispute',
    title: 'The closing statement is not valid',
    hint: 'Keep it: its signature, payee or sums contradict the agreement.',
  },
  'upstream-failed': {
    status: 502,
    exit: 'seller',
    title: 'The service behind the seller failed',
    hint: 'Nothing is charged. Try again later.',
  },
  'grace-exceeded': {
    status: 402,
    exit: 'payment',
    title: 'Work was stopped because payment stopped',
    hint: 'Pay and repeat the request; the agreement is kept.',
  },

  // nodes and networks
  'node-unreachable': {
    status: 503,
    exit: 'node',
    title: 'The Lightning node does not answer',
    hint: 'Check that it runs, its address, certificate and macaroon.',
  },
  'node-locked': {
    status: 503,
    exit: 'node',
    title: "The node's wallet is locked",
    hint: 'Unlock it, for example with `lncli unlock`.',
  },
  'node-denied': {
    status: 503,
    exit: 'node',
    title: 'The node refused the macaroon',
    hint: 'Use a macaroon with the permissions this command needs.',
  },
  'node-spec-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Unknown node',
    hint: 'Write --node embedded, --node lnd:DIR or --node lnd:DIR@HOST:PORT.',
  },
  'node-busy': {
    status: 503,
    exit: 'node',
    title: "The node's directory is in use",
    hint: 'Another process runs this node. Stop it, or name another directory.',
  },
  'node-corrupt': {
    status: 500,
    exit: 'node',
    title: "The node's stored state cannot be read",
    hint: 'Do not delete it. Keep a copy and report it.',
  },
  'node-library-missing': {
    status: 500,
    exit: 'node',
    title: 'A library for this node is not installed',
    hint: 'Install the package that this error names.',
  },
  'network-mismatch': {
    status: 402,
    exit: 'network',
    title: 'The two sides are on different networks',
    hint: "Use a wallet on the seller's network.",
  },
  'network-refused': {
    status: 400,
    exit: 'network',
    title: 'This node must not be used on that network',
    hint: 'The embedded node is for private chains only. Use LND.',
  },
  'ledger-failed': {
    status: 503,
    exit: 'failed',
    title: 'The ledger cannot be written',
    hint: "No money moves until it can. Check the disk and the file's permissions.",
  },
} as const satisfies Record<string, Row>

/** Stable name of an error, such as `price-too-high`. */
export type ErrorCode = keyof typeof CODES
