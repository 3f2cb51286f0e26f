import { type LndRole, permissionsFor } from '../../lightning/lnd/index.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'
import type { MacaroonFacts } from './macaroon.ts'

/** The groups of calls that LND's own macaroons allow, for the calls that Stream makes. Source: LND's `MainRPCServerPermissions`. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'uri:/lnrpc.Lightning/GetInfo': ['info:read'],
  'uri:/lnrpc.Lightning/ListChannels': ['offchain:read'],
  'uri:/lnrpc.Lightning/AddInvoice': ['invoices:write'],
  'uri:/lnrpc.Lightning/LookupInvoice': ['invoices:read'],
  'uri:/lnrpc.Lightning/ListInvoices': ['invoices:read'],
  'uri:/lnrpc.Lightning/SubscribeInvoices': ['invoices:read'],
  'uri:/lnrpc.Lightning/SignMessage': ['message:write'],
  'uri:/lnrpc.Lightning/DecodePayReq': ['offchain:read'],
  'uri:/lnrpc.Lightning/QueryRoutes': ['info:read'],
  'uri:/routerrpc.Router/SendPaymentV2': ['offchain:write'],
  'uri:/routerrpc.Router/TrackPaymentV2': ['offchain:read'],
}

/** What whoever holds such a permission can do that no stream needs. */
const POWERS: Readonly<Record<string, string>> = {
  'onchain:write': 'send coins on chain',
  'offchain:write': 'close channels and change their fees',
  'macaroon:generate': 'make macaroons that can do anything',
  'signer:generate': "sign with the wallet's keys",
  'macaroon:write': 'end macaroons',
  'invoices:write': 'cancel invoices and settle held ones',
  'peers:write': 'disconnect peers',
  'info:write': 'stop the node',
  'address:write': 'make addresses',
}

/**
 * What a macaroon can do against what a role needs. Too little is a problem, too much a warning: whoever steals it can do as much.
 * @param role who uses it; `undefined`: either, so that it must be enough for one of them
 */
export function judgeAccess(facts: MacaroonFacts, role: LndRole | undefined): Judgement {
  const roles: readonly LndRole[] = role ? [role] : ['buyer', 'seller']
  const able = roles.filter((one) => missing(facts, permissionsFor(one, false)).length === 0)
  if (able.length === 0) {
    const lacks = missing(facts, permissionsFor(roles[0]!, false)).map(brief)
    return problem(
      'node-denied',
      `the macaroon is not enough ${role ? `for a ${role}` : 'to buy or to sell'}: it lacks ${lacks.join(', ')}`,
      `Have one made: streampay node macaroon --for ${roles[0]} --node lnd:DIR --save FILE`,
    )
  }
  const enough = able.map((one) => describe(facts, one)).join(' and ')
  const limits =
    facts.caveats.length > 0 ? `; narrowed by ${facts.caveats.map((caveat) => `"${caveat}"`).join(', ')}` : ''
  const found = `the macaroon is enough to ${enough}${limits}`
  const more = excess(facts, able)
  if (more.length === 0) return ok(`${found}, and for nothing else`)
  return warning(
    `${found}; it can also ${listed(more)}`,
    `Give streams one that cannot: streampay node macaroon --for ${role ?? 'buyer'} --node lnd:DIR --save FILE`,
  )
}

function describe(facts: MacaroonFacts, role: LndRole): string {
  const returns = missing(facts, permissionsFor(role, true)).length === 0
  const verb = role === 'buyer' ? 'buy' : 'sell'
  return returns ? verb : `${verb} (not to ${role === 'buyer' ? 'take balances back' : 'pay balances back'})`
}

const missing = ({ permissions }: MacaroonFacts, needed: readonly string[]): string[] =>
  needed.filter((uri) => !permissions.includes(uri) && !GROUPS[uri]?.every((group) => permissions.includes(group)))

/** What it can do besides, the worst first: in words where they are known, else the call's name. */
function excess({ permissions }: MacaroonFacts, roles: readonly LndRole[]): string[] {
  const needed = new Set(roles.flatMap((role) => permissionsFor(role, true)))
  const powers = Object.keys(POWERS).filter((power) => permissions.includes(power))
  const calls = permissions.filter((permission) => permission.startsWith('uri:') && !needed.has(permission))
  return [...powers.map((power) => POWERS[power]!), ...calls.map((call) => `call ${brief(call)}`)]
}

const brief = (permission: string): string => permission.slice(permission.lastIndexOf('/') + 1)

/** The first few, so that an admin macaroon's line can be read. */
function listed(deeds: readonly string[]): string {
  const shown = deeds.slice(0, 4)
  const more = deeds.length - shown.length
  return more > 0 ? `${shown.join(', ')}, and ${more} more` : shown.join(' and ')
}
