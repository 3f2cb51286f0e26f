/**
 * The events of commands with `--json`, by the command's name. docs/cli.md has their members. A test holds them against the source: an event
 * that nothing prints is not told.
 */
export const EVENTS: Readonly<Record<string, readonly string[]>> = {
  sell: [
    'selling',
    'packaging',
    'watchable',
    'dashboard',
    'reloaded',
    'checked',
    'opened',
    'delivering',
    'paid',
    'delivered',
    'closed',
    'payout-settled',
    'payout-delayed',
    'payout-failed',
    'owed',
    'stray',
    'warning',
    'trouble',
    'end',
  ],
  get: ['progress', 'warning', 'response', 'data', 'prepaid', 'end'],
  price: ['price', 'sold'],
  history: ['agreement', 'payment'],
  budget: ['budget'],
  'budget set': ['budget'],
  recover: ['payment', 'agreement', 'end'],
  statement: ['closed', 'statement', 'verified'],
  verify: ['verified'],
  'invoice create': ['invoice'],
  'invoice show': ['invoice'],
  'invoice list': ['invoice'],
  payouts: ['recipient', 'payout'],
  'mcp stop': ['mcp'],
  'mcp allow': ['mcp'],
  'node macaroon': ['macaroon'],
  'lab up': ['lab-step', 'lab-up'],
  'lab status': ['lab-status'],
  'lab mine': ['lab-mined'],
  'lab down': ['lab-down'],
}

/** What every command prints when it fails. */
export const FAILED = 'error'
