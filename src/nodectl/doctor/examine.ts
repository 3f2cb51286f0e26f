import { readFile } from 'node:fs/promises'
import { type GetWalletInfoResult, getWalletInfo } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import type { LndRole } from '../../lightning/lnd/index.ts'
import { formatMsat, sat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { type Admin, ask, openAdmin } from '../admin.ts'
import { judgeAccess } from './access.ts'
import { judgeReach, reach } from './address.ts'
import { judgeCertificates, readCertificates } from './certificate.ts'
import { channelFacts, judgeChannels, judgeInbound, judgeOutbound, judgePeers, peerCount } from './channels.ts'
import { clockFacts, judgeClock } from './clock.ts'
import { type Finding, type Judgement, problem, skipped } from './finding.ts'
import { readMacaroon } from './macaroon.ts'
import { judgeNetwork, networkFacts } from './network.ts'
import { judgePayment, type Other, PAYMENT_MS, payOther, planPayment } from './payment.ts'
import { judgeSubject, optionsFor, type RoleAccess, type Subject, startOf } from './subject.ts'
import { judgeSync } from './sync.ts'
import { judgeVersion } from './version.ts'
import { Walk, within } from './walk.ts'
import { judgeWallet, walletState } from './wallet.ts'

export interface ExamineOptions {
  /** Who uses the node: what that takes must be there. */
  readonly role?: LndRole | undefined
  /** Other nodes at hand, for a test payment. */
  readonly others?: readonly Subject[]
  /** Whether a test payment may be made on this network: asked right before it. */
  readonly mayPay: (network: Network, what: string) => Promise<boolean>
  /** Told of each finding at once. */
  readonly onFinding?: (finding: Finding) => void
}

/** A node as it was found. */
export interface Examination {
  readonly findings: readonly Finding[]
  /** Known once it answered. */
  readonly network?: Network
  readonly publicKey?: string
}

/**
 * Walks from the files of a node to a payment, and says at each step what was found. It goes on after what is wrong where the rest
 * can be asked all the same, and no step waits for longer than its limit.
 * @example const { findings } = await examineNode(subjectOf('lab-alice', home, 'buyer'), { mayPay: async () => true })
 */
export async function examineNode(subject: Subject, options: ExamineOptions): Promise<Examination> {
  const walk = new Walk(options.onFinding)
  walk.note('node', judgeSubject(subject))
  const open: Admin[] = []
  try {
    const admin = await connect(walk, subject, open)
    if (!admin) return { findings: walk.findings }
    await look(walk, subject, admin, options)
    const { network, publicKey } = admin
    return { findings: walk.findings, network, publicKey }
  } finally {
    for (const admin of open) admin.close()
  }
}

/** From the address to who answers. */
async function connect(walk: Walk, subject: Subject, open: Admin[]): Promise<Admin | undefined> {
  const { socket, cert } = subject.options
  const start = startOf(subject)
  const reached = await walk.step(
    'address',
    () => reach(socket),
    (found) => judgeReach(found, start),
  )
  if (!reached) return void walk.skipTo('payment', 'address')
  const certificates = await walk.step(
    'certificate',
    () => readCertificates(socket, cert),
    (found) => judgeCertificates(found, Date.now()),
  )
  if (!certificates) return void walk.skipTo('payment', 'certificate')
  const unlock = subject.managed ? `streampay node up --name ${subject.managed.name}` : 'lncli unlock'
  const wallet = await walk.step(
    'wallet',
    () => walletState(subject.options),
    (state) => judgeWallet(state, unlock),
  )
  if (!wallet) return void walk.skipTo('payment', 'wallet')
  for (const access of subject.access) {
    await walk.step(
      'macaroon',
      () => macaroonFacts(subject, access),
      (found) => judgeMacaroon(found, access, subject),
    )
  }
  const admin = await walk.step(
    'version',
    async () => {
      const answering = await openAdmin(subject.options)
      open.push(answering)
      return answering
    },
    ({ version }) => judgeVersion(version),
  )
  if (!admin) walk.skipTo('payment', 'version')
  return admin
}

/** What it is like, and whether it pays. */
async function look(walk: Walk, subject: Subject, admin: Admin, options: ExamineOptions): Promise<void> {
  const { role } = options
  const network = await walk.step('network', () => networkFacts(admin, subject.expected), judgeNetwork)
  // Nothing moves, and nothing is said about money, on a network that is not the one it should be.
  if (!network) return walk.skipTo('payment', 'network')
  let info: GetWalletInfoResult | undefined
  info =
    (await walk.step(
      'sync',
      async () => {
        info = await ask('asking how far it is', getWalletInfo({ lnd: admin.lnd }))
        return info
      },
      (found) => judgeSync(found, admin.network),
    )) ?? info
  if (info) {
    const { latest_block_at: latest, is_synced_to_chain: synced } = info
    walk.note('clock', judgeClock(clockFacts(latest), admin.network, synced))
  } else walk.note('clock', skipped('there is no block to compare it with'))
  const all = info ? info.active_channels_count + info.pending_channels_count : 0
  await walk.step(
    'peers',
    () => peerCount(admin),
    (peers) => judgePeers(peers, all),
  )
  const channels = await walk.step(
    'channels',
    () => channelFacts(admin),
    (found) => judgeChannels(found, role),
  )
  if (!channels) return walk.skipTo('payment', 'channels')
  walk.note('outbound', judgeOutbound(channels, role))
  walk.note('inbound', judgeInbound(channels, role))
  const others = await nodesAtHand(options.others ?? [], admin)
  const plan = planPayment(channels.active, others, role)
  if (plan.kind === 'none') {
    const todo = 'Name a second node of yours, `--node A --node B`: 1 sat goes from one to the other.'
    return walk.note('payment', skipped(`no test payment: ${plan.reason}`, todo))
  }
  const deed = `have ${formatMsat(sat(1))} go between ${subject.name} and ${plan.other.name}`
  if (!(await options.mayPay(admin.network, deed))) {
    return walk.note(
      'payment',
      skipped(`no test payment was made on ${admin.network}`, 'Allow one of 1 sat with --pay.'),
    )
  }
  const pay = () => payOther(plan, (as) => optionsFor(subject, as))
  await walk.step('payment', pay, judgePayment, PAYMENT_MS)
}

interface Macaroon {
  readonly facts: ReturnType<typeof readMacaroon>
  /** LND's words when it does not take it. */
  readonly refused?: string
}

/** What is written in it, and whether LND takes it: it may be another node's, expired, or its root key deleted. */
async function macaroonFacts({ options }: Subject, { macaroon }: RoleAccess): Promise<Macaroon> {
  const bytes = await readFile(macaroon).catch((error: NodeJS.ErrnoException) => {
    throw new StreamError('node-spec-invalid', `cannot read ${macaroon}: ${error.code ?? 'error'}`)
  })
  const facts = readMacaroon(bytes)
  try {
    const admin = await openAdmin({ ...options, macaroon })
    admin.close()
    return { facts }
  } catch (error) {
    if (error instanceof StreamError && error.code === 'node-denied') return { facts, refused: error.message }
    throw error
  }
}

function judgeMacaroon({ facts, refused }: Macaroon, { role, macaroon }: RoleAccess, subject: Subject): Judgement {
  const again = subject.managed
    ? `Have them made again: \`streampay node up --name ${subject.managed.name}\`.`
    : "Take the one in this LND's own directory, or have one made: `streampay node macaroon`."
  if (!facts) return problem('node-denied', `${macaroon} is no macaroon of LND's`, again)
  if (refused === undefined) return judgeAccess(facts, role)
  const lacksInfo = judgeAccess(facts, role)
  return lacksInfo.status === 'problem'
    ? lacksInfo
    : problem('node-denied', `${macaroon} is not one that this LND takes: ${refused}`, again)
}

const AT_HAND_MS = 5_000

/** Those of the other nodes that answer, on the same network. */
async function nodesAtHand(subjects: readonly Subject[], own: Admin): Promise<Other[]> {
  const found = await Promise.all(
    subjects.map(async (subject): Promise<Other[]> => {
      try {
        const admin = await within(AT_HAND_MS, openAdmin(optionsFor(subject, 'seller')))
        admin.close()
        const { publicKey, network } = admin
        const usable = network === own.network && publicKey !== own.publicKey
        return usable ? [{ name: subject.name, publicKey, optionsFor: (role) => optionsFor(subject, role) }] : []
      } catch {
        // It has a report of its own.
        return []
      }
    }),
  )
  return found.flat()
}
