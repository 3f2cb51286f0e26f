import { join } from 'node:path'
import { Command, Option } from 'commander'
import type { LndRole } from '../lightning/lnd/index.ts'
import type { Network } from '../money/network.ts'
import type { Finding, Purse, Subject, Sum } from '../nodectl/doctor/index.ts'
import { listManaged } from '../nodectl/managed/record.ts'
import { NETWORKS } from '../nodectl/networks/networks.ts'
import { confirmReal, yesOption } from './confirm.ts'
import { openUserJournal } from './journal.ts'
import { openNode } from './node.ts'
import { jsonOption, readUrl } from './options.ts'
import { bold, dim, green, red, yellow } from './output/colour.ts'
import { plural } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { stateHome } from './state.ts'

interface DoctorOptions {
  readonly node?: readonly string[]
  readonly for?: LndRole
  readonly url?: string
  readonly pay?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
Examples:
  streampay doctor                                        every node of yours
  streampay doctor --node lab-alice --for buyer
  streampay doctor --node lnd:~/.lnd --for seller --url https://shop.example/film.mp4

A test payment of 1 sat goes between two nodes of yours: on regtest and simnet by itself, elsewhere with --pay. A --url is looked at
for a buyer's eyes, and nothing is paid there without --pay, except on regtest and simnet.
Exit code 0 when nothing is a problem; warnings are none.`

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Look a node over, from its files to a payment: what was found, why it matters, what to do')
    .option('--node <node>', 'a node by name, lnd:DIR@HOST:PORT, or embedded; may be repeated', collect)
    .addOption(new Option('--for <role>', 'who uses it: what that takes must be there').choices(['buyer', 'seller']))
    .option('--url <url>', 'a seller to look at, as a buyer meets it')
    .option('--pay', 'make the test payments on networks too whose coins are not made here')
    .addOption(yesOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (options: DoctorOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await doctor(options, output).catch((error) => reportError(error, output))
      // gRPC keeps its connections for as long as the process lives.
      process.exit()
    })
}

const collect = (node: string, nodes: readonly string[] = []): readonly string[] => [...nodes, node]

async function doctor(options: DoctorOptions, output: Output): Promise<number> {
  const { sumUp } = await import('../nodectl/doctor/index.ts')
  const url = options.url === undefined ? undefined : readUrl(options.url)
  const findings: Finding[] = []
  const report = new Report(output, (finding) => findings.push(finding))
  const home = stateHome()
  const managed = listManaged(home).map(({ name }) => name)
  const specs = [...new Set(options.node ?? (managed.length > 0 ? managed : ['embedded']))]
  const mayPay = async (network: Network, what: string): Promise<boolean> => {
    if (NETWORKS[network].private) return true
    if (!options.pay) return false
    await confirmReal(network, what, options.yes, output)
    return true
  }
  const purses = await lookAtNodes(specs, managed, options.for, mayPay, report)
  if (url !== undefined) await lookAtSeller(url, purses, mayPay, report)
  const sum = sumUp(findings)
  output.event('sum', { ...sum, nodes: specs.length })
  return sum.exit
}

type MayPay = (network: Network, what: string) => Promise<boolean>

/** @returns what could pay a seller, of those that answered */
async function lookAtNodes(
  specs: readonly string[],
  managed: readonly string[],
  role: LndRole | undefined,
  mayPay: MayPay,
  report: Report,
): Promise<Purse[]> {
  const { examineEmbedded, examineNode, findingOf, judgeFailure, subjectOf, sumUp } = await import(
    '../nodectl/doctor/index.ts'
  )
  const home = stateHome()
  const known = new Map<string, Subject | Finding>()
  for (const spec of new Set([...specs, ...managed])) {
    if (spec === 'embedded') continue
    try {
      known.set(spec, subjectOf(spec, home, role))
    } catch (error) {
      known.set(spec, findingOf('node', judgeFailure(error)))
    }
  }
  const subjects = [...known.values()].filter((one) => 'access' in one)
  const purses: Purse[] = []
  for (const spec of specs) {
    const subject = known.get(spec)
    const onFinding = report.begin({ node: spec })
    if (!subject) {
      const { findings, network } = await examineEmbedded(join(home, 'regtest'), onFinding)
      report.end(sumUp(findings), { network })
      purses.push({ name: spec, network, open: () => openNode('embedded', 'buyer') })
    } else if ('access' in subject) {
      const others = subjects.filter((one) => one !== subject)
      const { findings, network, publicKey } = await examineNode(subject, { role, others, mayPay, onFinding })
      report.end(sumUp(findings), { network, publicKey })
      if (network) purses.push({ name: spec, network, publicKey, open: () => openNode(spec, 'buyer') })
    } else {
      onFinding(subject)
      report.end(sumUp([subject]), {})
    }
  }
  return purses
}

async function lookAtSeller(url: string, purses: readonly Purse[], mayPay: MayPay, report: Report): Promise<void> {
  const { examineSeller, sumUp } = await import('../nodectl/doctor/index.ts')
  const journal = openUserJournal()
  const onFinding = report.begin({ url })
  const findings = await examineSeller(url, { purses, mayPay, journal, onFinding })
  report.end(sumUp(findings), {})
  await journal.end()
}

const MARKS: Readonly<Record<Finding['status'], string>> = {
  ok: green('✓'),
  warning: yellow('!'),
  problem: red('✗'),
  skipped: dim('·'),
}

/** Tells what is found as it is found: a line for each check, and why and what to do where something is to be done. */
class Report {
  readonly #output: Output
  readonly #note: (finding: Finding) => void
  #of: Readonly<Record<string, string>> = {}

  constructor(output: Output, note: (finding: Finding) => void) {
    this.#output = output
    this.#note = note
  }

  begin(of: Readonly<Record<string, string>>): (finding: Finding) => void {
    this.#of = of
    this.#output.print(bold(Object.values(of).join(' ')))
    return (finding) => this.#tell(finding)
  }

  #tell(finding: Finding): void {
    const { check, status, found, why, todo } = finding
    this.#note(finding)
    this.#output.event('finding', { ...this.#of, ...finding })
    this.#output.print(`${MARKS[status]} ${check.padEnd(13)} ${plain(found)}`)
    if (status === 'problem' || status === 'warning') this.#output.print(dim(`  ${' '.repeat(13)} ${why}`))
    if (todo !== undefined) this.#output.print(`  ${' '.repeat(13)} → ${plain(todo)}`)
  }

  end(sum: Sum, facts: Readonly<Record<string, string | undefined>>): void {
    const { ok, problems, warnings, skipped } = sum
    this.#output.event('doctor', { ...this.#of, ...facts, ...sum })
    const counts = [plural(problems, 'problem'), plural(warnings, 'warning'), `${skipped} not looked at`]
    this.#output.print(`${ok ? green('no problem') : red('not well')}: ${counts.join(', ')}\n`)
  }
}

/** Without control characters: what another program wrote must not steer the terminal. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
