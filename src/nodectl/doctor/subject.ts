import { accessSync, constants, existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type LndOptions, type LndRole, parseLndSpec } from '../../lightning/lnd/index.ts'
import type { Network } from '../../money/network.ts'
import { runningDaemon } from '../daemon/daemon.ts'
import { daemonFiles } from '../managed/files.ts'
import { lndOptionsOf, type ManagedNode, macaroonOf, readManaged } from '../managed/record.ts'
import { NETWORK_NAMES, NETWORKS } from '../networks/networks.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

/** An LND that is to be looked at. */
export interface Subject {
  /** As `--node` names it. */
  readonly name: string
  readonly managed: ManagedNode | undefined
  /** For the doctor's own questions. */
  readonly options: Omit<LndOptions, 'network'>
  /** The network that its record, or the folder of its data, names. */
  readonly expected: Network | undefined
  /** What streams use. */
  readonly access: readonly RoleAccess[]
}

export interface RoleAccess {
  /** `undefined`: whoever is given it. */
  readonly role: LndRole | undefined
  /** Path of the macaroon. */
  readonly macaroon: string
}

/**
 * What `--node` names: a managed node, looked at with the macaroons that streams use of it, or any LND by its files.
 * @throws StreamError `node-spec-invalid`, `node-corrupt`
 */
export function subjectOf(spec: string, home: string, role: LndRole | undefined): Subject {
  if (/^lnd(?::|$)/.test(spec)) {
    const { network, ...options } = parseLndSpec(spec)
    const { macaroon } = options
    return {
      name: spec,
      managed: undefined,
      options,
      expected: network ?? folderNetwork(macaroon),
      access: [{ role, macaroon }],
    }
  }
  const managed = readManaged(home, spec)
  const { network, ...options } = lndOptionsOf(managed, 'admin')
  const roles: readonly LndRole[] = role ? [role] : ['buyer', 'seller']
  return {
    name: managed.name,
    managed,
    options,
    expected: network,
    access: roles.map((one) => ({ role: one, macaroon: macaroonOf(managed, one) })),
  }
}

/** How to reach it as one of the roles, with what streams use. */
export const optionsFor = ({ managed, options }: Subject, role: LndRole): LndOptions =>
  managed ? lndOptionsOf(managed, role) : options

/** LND keeps each network's macaroons in a folder of its name. */
function folderNetwork(macaroon: string): Network | undefined {
  const folder = basename(dirname(macaroon))
  return NETWORK_NAMES.find((name) => NETWORKS[name].lndName === folder)
}

/** What starts it, in words that fit into a sentence. */
export const startOf = ({ managed }: Subject): string =>
  managed ? `\`streampay node up --name ${managed.name}\`` : 'run `lnd`, or name the HOST:PORT on which it listens'

/** Whether what it takes to start it is there. */
export function judgeSubject({ managed, options }: Subject): Judgement {
  if (!managed) return ok(`an LND at ${options.socket}, with ${options.macaroon}`)
  const { name, network, backend, program } = managed
  const found = `${name}, ${network} by ${backend}`
  if (!existsSync(options.cert)) {
    return problem(
      'node-unreachable',
      `${found}: it was never started to its end`,
      `Run \`streampay node up --name ${name}\` again.`,
    )
  }
  if (!isProgram(program)) {
    return warning(`${found}; ${program}, which made it, is gone`, 'Install LND again, so that it can be restarted.')
  }
  const pid = runningDaemon(daemonFiles(managed))
  return ok(`${found}, run by ${program}${pid === undefined ? '' : ` as process ${pid}`}`)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
