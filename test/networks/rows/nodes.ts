import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { StreamError } from '../../../src/errors/error.ts'
import { createLndNode } from '../../../src/lightning/lnd/index.ts'
import type { Network } from '../../../src/money/network.ts'
import { openAdmin } from '../../../src/nodectl/admin.ts'
import { examineNode, subjectOf, sumUp } from '../../../src/nodectl/doctor/index.ts'
import { lndOptionsOf, macaroonOf, nodeFolder, readManaged, saveManaged } from '../../../src/nodectl/managed/record.ts'
import { NETWORK_NAMES } from '../../../src/nodectl/networks/networks.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { Member, World } from '../world.ts'

const WANTED = NETWORK_NAMES.map((network) => ({ network }))

/** A node asked for as one of another network: by who streams, by who keeps it, and by a record that says so. */
export function nodes({ members, dir }: World): Attempt[] {
  return crossings(WANTED, members).flatMap(([{ network }, member]) => {
    const { options, network: owner } = member
    const row = { by: 'guard' as const, network, owner }
    return [
      {
        mix: 'node spec × node (streams)',
        ...row,
        attempt: async () => (await createLndNode({ ...options, network })).close(),
      },
      {
        mix: 'node spec × node (operator)',
        ...row,
        attempt: async () => (await openAdmin({ ...options, network })).close(),
      },
      { mix: 'record × node', ...row, attempt: async () => throughRecord(dir, member, network) },
      { mix: 'record × node (doctor)', ...row, attempt: async () => doctorFinds(dir, member, network) },
    ]
  })
}

/** As `node.json` would be after somebody edited it, or moved a folder over another. */
export function record(home: string, { options, network: own }: Member, network: Network): string {
  const name = `${own}-as-${network}`
  const dir = nodeFolder(home, name)
  const node = {
    name,
    network,
    dir,
    backend: 'neutrino' as const,
    chainPeers: [],
    program: process.execPath,
    lab: false,
    rpcPort: Number(options.socket.split(':')[1]),
    peerPort: 9735,
  }
  mkdirSync(join(macaroonOf(node, 'admin'), '..'), { recursive: true })
  copyFileSync(options.cert, join(dir, 'tls.cert'))
  for (const role of ['admin', 'buyer', 'seller'] as const) copyFileSync(options.macaroon, macaroonOf(node, role))
  saveManaged(node)
  return name
}

async function throughRecord(home: string, member: Member, network: Network): Promise<void> {
  const node = readManaged(home, record(home, member, network))
  const buyer = await createLndNode(lndOptionsOf(node, 'buyer'))
  await buyer.close()
}

async function doctorFinds(home: string, member: Member, network: Network): Promise<void> {
  const subject = subjectOf(record(home, member, network), home, undefined)
  const { findings } = await examineNode(subject, { mayPay: async () => true })
  const { code } = sumUp(findings)
  const found = findings.find((finding) => finding.status === 'problem')
  const paid = findings.some(({ check, status }) => check === 'payment' && status !== 'skipped')
  if (paid) throw new Error('it paid')
  if (code) throw new StreamError(code, found!.found)
}
