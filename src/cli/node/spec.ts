import { Option } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { type LndOptions, parseLndSpec } from '../../lightning/lnd/index.ts'
import { listManaged, lndOptionsOf, readManaged } from '../../nodectl/managed/record.ts'
import { stateHome } from '../state.ts'

/** For the commands of a node's own life. Without it they take the only managed node there is. */
export const adminNodeOption = (): Option =>
  new Option('--node <node>', 'a node of `streampay node up` by name, or lnd:DIR@HOST:PORT').env('STREAMPAY_NODE')

/**
 * How to reach the LND that `--node` names, with a macaroon that may do what an operator does.
 * @param spec `NAME`, `lnd:DIR`, `lnd:DIR@HOST:PORT` or `lnd`; without it the only managed node of this user
 * @throws StreamError `node-spec-invalid`, `node-corrupt`
 * @example const admin = await openAdmin(adminOptions('alice'))
 */
export function adminOptions(spec: string | undefined, home: string = stateHome()): LndOptions {
  if (spec === undefined) return onlyNode(home)
  if (/^lnd(?::|$)/.test(spec)) return parseLndSpec(spec)
  if (/^(?:embedded|nwc)(?::|$)/.test(spec)) {
    throw new StreamError('node-spec-invalid', `"${spec.slice(0, 40)}" is no LND, and has no channels to look after`)
  }
  return lndOptionsOf(readManaged(home, spec), 'admin')
}

function onlyNode(home: string): LndOptions {
  const nodes = listManaged(home)
  if (nodes.length === 1) return lndOptionsOf(nodes[0]!, 'admin')
  const names = nodes.map(({ name }) => name).join(', ')
  throw new StreamError(
    'node-spec-invalid',
    nodes.length === 0 ? 'there is no node yet; `streampay node up` makes one' : `say which node: --node ${names}`,
  )
}
