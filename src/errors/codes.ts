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
  'address-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Not a Bitcoin address',
    hint: 'Copy it again, whole: an address has a checksum.',
  },
  'option-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Option not understood',
    hint: 'See `streampay help COMMAND` for what it takes.',
  },
  'config-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Configuration not understood',
    hint: 'Mend the line that is named; docs/gateway.md has every member, and `streampay sell --check` reads the file without selling.',
  },
  'not-confirmed': {
    status: 400,
    exit: 'usage',
    title: 'Not confirmed',
    hint: 'Nothing was done. Answer "yes", or give --yes where nobody can be asked.',
  },
  'input-invalid': {
    status: 400,
    exit: 'usage',
    title: 'The request is not understood',
    hint: 'GET /.streampay/v1/openapi.json says what each call takes.',
  },
  'owner-only': {
    status: 403,
    exit: 'refused',
    title: 'Only the owner may do that',
    hint: 'Use the token in the state file of the local process, which only its owner can read.',
  },
  'not-found': {
    status: 404,
    exit: 'usage',
    title: 'There is no such thing here',
    hint: 'Check the address and the id. A caller finds only what is its own.',
  },
  'agreement-busy': {
    status: 409,
    exit: 'failed',
    title: 'The agreement is in use',
    hint: 'Another process holds it. Try again when that has ended.',
  },
  'agreement-final': {
    status: 409,
    exit: 'refused',
    title: 'What was prepaid is not paid back',
    hint: 'Nothing is to be done: it lies in the journal, and the next purchase at its URL uses it. Of the prepaid schemes only a session is closed and paid back.',
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
    hint: 'Run the command again; nothing paid is forgotten. `streampay recover --close` takes back what was left.',
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
  'payment-unsettled': {
    status: 402,
    exit: 'refused',
    title: "The seller's node knows of no such payment",
    hint: 'A preimage alone opens nothing: the invoice must have been paid. If it was just now, send the same request again.',
    problem: 'verification-failed',
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
  'rate-limited': {
    status: 429,
    exit: 'refused',
    title: 'Too much was asked for at once',
    hint: 'Wait as long as Retry-After says.',
  },
  'too-many-streams': {
    status: 429,
    exit: 'refused',
    title: 'Too many requests at once',
    hint: 'Let some of them end, then repeat the request.',
  },
  'request-refused': {
    status: 400,
    exit: 'refused',
    title: 'The request cannot be priced',
    hint: 'Nothing is charged. Send a body that names one model, not compressed, and of no more than 8 MiB.',
  },
  'return-invalid': {
    status: 400,
    exit: 'refused',
    title: 'The return invoice cannot be paid',
    hint: "Send a fresh invoice on the agreement's network for no more than the balance.",
  },
  'macaroon-invalid': {
    status: 402,
    exit: 'refused',
    title: 'The L402 token is not accepted',
    hint: 'Pay for a fresh token: the challenge in this answer has one.',
    problem: 'verification-failed',
  },
  'preimage-invalid': {
    status: 402,
    exit: 'refused',
    title: 'The preimage is not that of the payment',
    hint: 'Send the preimage that the node returned for the invoice of this challenge.',
    problem: 'verification-failed',
  },
  'session-unknown': {
    status: 402,
    exit: 'refused',
    title: 'Unknown session',
    hint: 'Open one from the fresh challenge in this answer.',
    problem: 'invalid-challenge',
  },
  'session-closed': {
    status: 402,
    exit: 'refused',
    title: 'The session is closed',
    hint: 'Open another one from the fresh challenge in this answer.',
    problem: 'invalid-challenge',
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
  'authorization-taken': {
    status: 402,
    exit: 'refused',
    title: 'The payment and the request both need the Authorization header',
    hint: 'Leave the key of the request out, or send it in another header. Sellers offer `Payment-Authorization` beside it: `sell --credential-header`.',
  },
  'risk-too-high': {
    status: 402,
    exit: 'refused',
    title: 'Too much would be paid before anything comes',
    hint: 'Raise --max-risk, or go elsewhere: under charge, session and L402 what is paid ahead is lost if the seller keeps it.',
  },
  'strategy-failed': {
    status: 500,
    exit: 'failed',
    title: 'The strategy failed',
    hint: 'A strategy answers { accept: true }, { bid: terms } or { refuse: code }, at once: see docs/negotiation.md.',
  },
  'transport-insecure': {
    status: 400,
    exit: 'refused',
    title: 'The connection is not private',
    hint: 'Use https, or allow plain http with --insecure where the network is your own.',
  },
  'redirect-refused': {
    status: 502,
    exit: 'refused',
    title: 'The redirect is not followed',
    hint: 'Ask for the address in `location` itself if you trust it, or allow redirects to other hosts with --location.',
  },
  'target-refused': {
    status: 403,
    exit: 'refused',
    title: 'The proxy does not go there',
    hint: 'Ask for http:// or https:// addresses of public hosts or of this machine; --private opens private networks: docs/proxy.md.',
  },
  'token-unknown': {
    status: 401,
    exit: 'refused',
    title: 'No caller has this token',
    hint: 'Send a token of `streampay proxy callers add NAME` as `Streampay-Token`, as the password to the proxy, or as a Bearer token.',
  },
  'origin-refused': {
    status: 403,
    exit: 'refused',
    title: 'A web page may not spend here',
    hint: 'Programs of this machine ask by its loopback address and without an Origin; pages pay by streampay/browser.',
  },
  'budget-exhausted': {
    status: 402,
    exit: 'budget',
    title: 'The budget is used up',
    hint: 'Raise --max, or the limit that is named here with `streampay budget set`.',
  },
  'spending-stopped': {
    status: 403,
    exit: 'budget',
    title: 'Spending is stopped',
    hint: 'Nothing more is bought until the person whose money it is runs `streampay mcp allow` in a terminal.',
  },
  'host-refused': {
    status: 403,
    exit: 'refused',
    title: 'This host may not be asked',
    hint: 'Whoever started this names the hosts with --hosts, and opens this machine and private networks with --private.',
  },
  'file-refused': {
    status: 403,
    exit: 'refused',
    title: 'This file may not be written',
    hint: 'Name a new file below the folder of --files, without a dot in front; nothing is written over.',
  },
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
    hint: 'Nothing was paid. Ask the payee for another invoice.',
  },
  'invoice-mismatch': {
    status: 402,
    exit: 'seller',
    title: 'The invoice is not what was agreed',
    hint: 'Nothing was paid. The amount, network, payee or expiry differs from the agreement.',
  },

  'invoice-unknown': {
    status: 404,
    exit: 'usage',
    title: 'The node has no such invoice',
    hint: 'Ask the node that made it, with --node; `streampay invoice list` shows what this one has.',
  },
  'invoice-unpaid': {
    status: 402,
    exit: 'payment',
    title: 'The invoice was not paid',
    hint: 'Make another with `streampay invoice create`; an embedded node takes payments only while it runs (--wait).',
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
    hint: 'It counts as spent until the node says otherwise. `streampay recover` follows it to its end.',
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
  'paid-refused': {
    status: 502,
    exit: 'seller',
    title: 'The seller was paid, and refuses what was paid for',
    hint: 'The payment hash and the invoice are in `streampay history`; it is not paid again. Ask the seller.',
  },
  'seller-changed': {
    status: 502,
    exit: 'seller',
    title: 'The seller is paid at another node',
    hint: 'Ask the seller whether its node is a new one; a new buyer, or a new run, takes it as it is.',
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
    hint: 'The seller was paid and nothing comes: it may be gone, or a proxy holds its answers. The loss is bounded by --ahead.',
  },
  'response-buffered': {
    status: 504,
    exit: 'seller',
    title: 'Something on the way holds the answer back',
    hint: 'A proxy collects the answer before it passes it on. Turn its buffering off, or raise --ahead above what it collects.',
  },
  'count-mismatch': {
    status: 502,
    exit: 'dispute',
    title: 'The seller counts more than was received',
    hint: 'Paying has stopped. Both counts are in this error.',
  },
  'receipt-mismatch': {
    status: 502,
    exit: 'dispute',
    title: "The seller's receipt is not for what was paid",
    hint: 'What came is yours all the same. The payment and its preimage, in `streampay history --payments`, prove what was paid.',
  },
  'statement-invalid': {
    status: 502,
    exit: 'dispute',
    title: 'The closing statement is not valid',
    hint: 'Keep it: its signature, payee or sums contradict the agreement.',
  },
  'statement-unsigned': {
    status: 502,
    exit: 'dispute',
    title: 'Nobody signed the statement',
    hint: "The seller's wallet cannot sign, as its offer said. What the payments prove, they prove; the rest is nobody's word.",
  },
  'proof-invalid': {
    status: 400,
    exit: 'dispute',
    title: 'The proof does not hold',
    hint: 'It proves nothing as it is: it was altered, or is not what `streampay statement` writes.',
  },
  'upstream-failed': {
    status: 502,
    exit: 'seller',
    title: 'The service behind the seller failed',
    hint: 'Nothing is charged. Try again later.',
  },
  'rate-stale': {
    status: 503,
    exit: 'seller',
    title: 'The exchange rate is too old to sell at',
    hint: 'Nothing is charged. Try again when the seller has a fresh rate; agreements made before go on at their price.',
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
    title: 'The node refused the macaroon, or the wallet the connection',
    hint: 'Use a macaroon, or a wallet connection, with the permissions this command needs.',
  },
  'node-spec-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Unknown node',
    hint: 'Write --node embedded, --node lnd:DIR, --node lnd:DIR@HOST:PORT, --node nwc:FILE, or the name of a node of `streampay node up`.',
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
  'node-unable': {
    status: 503,
    exit: 'node',
    title: 'This kind of node cannot do that',
    hint: 'Use a node that can: LND (--node lnd:DIR, or one of `streampay node up`), or the embedded one.',
  },
  'node-failed': {
    status: 503,
    exit: 'node',
    title: 'The node could not do it',
    hint: "The node's own words are in the message. `streampay doctor` looks for the reason.",
  },
  'port-taken': {
    status: 503,
    exit: 'node',
    title: 'A port is taken',
    hint: 'End the program that uses it, or give the node another one with --rpc-port or --peer-port.',
  },
  'chain-unreachable': {
    status: 503,
    exit: 'node',
    title: 'There is no Bitcoin node to ask',
    hint: 'Name one that runs with --chain-peer HOST:PORT. With --offline the node starts without any.',
  },
  'seed-unkept': {
    status: 400,
    exit: 'usage',
    title: "Nobody would have the wallet's seed",
    hint: 'No wallet was made. Run it on a terminal and write the words down, or give --seed-file with a new file.',
  },
  'wallet-password-wrong': {
    status: 503,
    exit: 'node',
    title: "The password does not open the node's wallet",
    hint: 'Put the password that the wallet was made with back into its file. With its seed, a new node gets the coins back.',
  },
  'storage-denied': {
    status: 503,
    exit: 'failed',
    title: 'A file cannot be written',
    hint: 'Check whose the folder is, and that the disk is not read-only.',
  },
  'lnd-unsuitable': {
    status: 500,
    exit: 'node',
    title: 'This LND is too old',
    hint: 'Use LND 0.19 or newer: name one with --lnd PATH.',
  },
  'program-missing': {
    status: 503,
    exit: 'node',
    title: 'A program is not on this machine',
    hint: 'Install Go (https://go.dev/dl) and run this again: LND and btcd are built once. Or put a release of them on the PATH.',
  },
  'program-unfit': {
    status: 503,
    exit: 'node',
    title: 'A program is too old, or another one',
    hint: 'Name LND 0.19 or newer, btcd 0.23 or newer; or name none, and one is found or built.',
  },
  'program-build-failed': {
    status: 503,
    exit: 'node',
    title: 'LND and btcd could not be built',
    hint: "Go's own words are in the message. Where its module proxy cannot be reached, put releases of them on the PATH.",
  },
  'lab-down': {
    status: 503,
    exit: 'node',
    title: 'The lab is not up',
    hint: 'Start it with `streampay lab up`.',
  },
  'lab-failed': {
    status: 503,
    exit: 'node',
    title: 'The lab could not do it',
    hint: 'Run `streampay lab up` again: it goes on where it stopped. After `streampay lab down --purge` it makes a new one.',
  },
  'lab-busy': {
    status: 503,
    exit: 'node',
    title: 'Another command is at work on the lab',
    hint: 'Wait until it has ended.',
  },
  'node-behind': {
    status: 503,
    exit: 'node',
    title: 'The node is behind its chain',
    hint: 'Wait until it has caught up; `streampay doctor` says how far it is.',
  },
  'node-library-missing': {
    status: 500,
    exit: 'node',
    title: 'A library for this node is not installed',
    hint: 'Install the package that this error names.',
  },
  'runtime-unable': {
    status: 500,
    exit: 'node',
    title: 'The runtime lacks what this needs',
    hint: 'Use Node.js 22.13 or newer, or a current Deno or Bun: docs/runtimes.md says what runs where.',
  },
  'peer-invalid': {
    status: 400,
    exit: 'usage',
    title: 'Not a peer',
    hint: 'Write a peer as KEY@HOST:PORT, or as KEY alone when it is connected. KEY has 66 hex digits.',
  },
  'peer-unreachable': {
    status: 503,
    exit: 'node',
    title: 'The peer cannot be reached',
    hint: 'Check its key and its address, and ask its owner whether it runs and its port is open.',
  },
  'peer-busy': {
    status: 400,
    exit: 'node',
    title: 'The peer has channels with this node',
    hint: 'Close them first: `streampay node channels` lists them, `streampay node close` closes one.',
  },
  'peer-refused': {
    status: 503,
    exit: 'node',
    title: 'The peer does not want this channel',
    hint: "Nothing was spent. The peer's own words are in the message: follow them, or choose another peer.",
  },
  'funds-insufficient': {
    status: 402,
    exit: 'payment',
    title: 'Not enough coins in the wallet',
    hint: 'Nothing was spent. `streampay node fund` shows an address to send coins to.',
  },
  'channel-size': {
    status: 400,
    exit: 'usage',
    title: 'A channel cannot have this size',
    hint: 'Nothing was spent. Choose an amount within the limits that the message names.',
  },
  'channel-unknown': {
    status: 400,
    exit: 'usage',
    title: 'No such channel',
    hint: 'Name one by its id, its funding output, or its peer; `streampay node channels` lists them.',
  },
  'channel-pending': {
    status: 400,
    exit: 'node',
    title: 'A channel to this peer is opening already',
    hint: 'Wait for it: `streampay node channels` shows it. --another opens one more.',
  },
  'open-unknown': {
    status: 504,
    exit: 'unknownOutcome',
    title: 'Whether a channel is being opened is unknown',
    hint: 'Run the same command again: it finds the channel, or says when it is safe to ask anew. It never opens a second one.',
  },
  'close-refused': {
    status: 503,
    exit: 'node',
    title: 'The channel cannot be closed together now',
    hint: 'Wait until the peer is back and no payment is on its way. --force closes it alone: dearer, and the money comes later.',
  },
  'wait-over': {
    status: 504,
    exit: 'failed',
    title: 'It takes longer than was waited for',
    hint: 'It goes on by itself. Run the command again to go on watching, or wait longer with --wait.',
  },
  'network-mismatch': {
    status: 402,
    exit: 'network',
    title: 'The two sides are on different networks',
    hint: 'Nothing was moved. Use a node of the network that the other side is on; both are named.',
  },
  'network-refused': {
    status: 400,
    exit: 'network',
    title: 'This node must not be used on that network',
    hint: 'The embedded node is for private chains only. Use LND.',
  },
  'webhook-failed': {
    status: 502,
    exit: 'failed',
    title: 'A webhook was given up',
    hint: 'Its receiver has to answer 2xx within 10 s. What it missed is in the log, and on the dashboard.',
  },
  'clock-jumped': {
    status: 500,
    exit: 'failed',
    title: "The machine's clock was set",
    hint: 'Let the clock be kept by NTP. After a sleep of the machine there is nothing to do.',
  },
  'disk-full': {
    status: 503,
    exit: 'failed',
    title: 'The disk is full',
    hint: 'Make room, and try again. No payment is made or told that could not be written.',
  },
  'ledger-failed': {
    status: 503,
    exit: 'failed',
    title: 'The ledger cannot be written',
    hint: "No money moves until it can. Check the disk and the file's permissions.",
  },
} as const satisfies Record<string, Row>

/**
 * What may go well when the very same request is sent again later, with nothing changed by whoever sends it. Of all else something has to be
 * changed first, or money is at stake: `payment-unknown` is for `GET payments/…` to follow, and not for a second try.
 */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'agreement-busy',
  'too-many-agreements',
  'too-many-invoices',
  'rate-limited',
  'too-many-streams',
  'no-route',
  'payment-failed',
  'payment-timeout',
  'seller-unreachable',
  'seller-failed',
  'stream-interrupted',
  'stream-stalled',
  'upstream-failed',
  'rate-stale',
  'node-unreachable',
  'node-busy',
  'node-behind',
  'chain-unreachable',
  'peer-unreachable',
  'lab-busy',
  'wait-over',
  'disk-full',
  'ledger-failed',
])

/** Whether the same request may go well later. */
export const isRetryable = (code: ErrorCode): boolean => RETRYABLE.has(code)

/** Stable name of an error, such as `price-too-high`. */
export type ErrorCode = keyof typeof CODES
