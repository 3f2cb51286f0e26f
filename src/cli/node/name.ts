import { Option } from 'commander'
import { StreamError } from '../../errors/error.ts'
import type { ManagedNode } from '../../nodectl/managed/record.ts'

export const nameOption = (): Option => new Option('--name <name>', 'which node; not needed while there is one')

/**
 * The node that a command means: by its name, or the only one that there is.
 * @throws StreamError `node-spec-invalid`
 */
export function chooseNode(nodes: readonly ManagedNode[], name: string | undefined): ManagedNode {
  const chosen = name === undefined ? nodes : nodes.filter((node) => node.name === name)
  if (chosen.length === 1) return chosen[0]!
  const names = nodes.map((node) => node.name).join(', ')
  throw new StreamError(
    'node-spec-invalid',
    nodes.length === 0
      ? 'there is no node yet; `streampay node up` makes one'
      : name === undefined
        ? `there are several nodes (${names}); --name one`
        : `there is no node "${name.slice(0, 40)}"; there are ${names}`,
  )
}
