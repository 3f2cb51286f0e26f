import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { proofOf } from '../buyer/journal/proof.ts'
import { StreamError } from '../errors/error.ts'
import { openJournal } from '../ledger/index.ts'
import type { Journal, JournalAgreement } from '../ledger/journal.ts'
import { formatMsat } from '../money/msat.ts'
import { judgeProof, readProof } from '../wire/proof.ts'
import { decodeStatement } from '../wire/statement.ts'
import { formatTime } from '../wire/time.ts'
import { jsonOption } from './options.ts'
import { dim } from './output/colour.ts'
import { formatUnits } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { stateFolder, stateHome } from './state.ts'
import { conclude } from './verify.ts'

interface StatementOptions {
  readonly output?: string
  readonly json?: boolean
}

/** An agreement that was closed with a statement. */
type Closed = JournalAgreement & { readonly statement: string }

const HELP = `
Examples:
  streampay statement
  streampay statement 288d -o proof.json

The file holds no secret. \`streampay verify\` checks it anywhere.`

export function statementCommand(): Command {
  return new Command('statement')
    .description('Write a proof of what was paid on an agreement, for others to verify; without one, list them')
    .argument('[agreement]', 'its id, or how the id begins')
    .option('-o, --output <file>', 'write the proof here instead of to stdout')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (id: string | undefined, options: StatementOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await statement(id, options, output).catch((error) => reportError(error, output))
    })
}

async function statement(id: string | undefined, { output: file }: StatementOptions, output: Output): Promise<number> {
  const journal = openJournal(join(stateFolder(stateHome(), 'buyer'), 'journal.db'))
  try {
    const closed = (await journal.agreements()).filter(isClosed)
    if (id === undefined) return list(closed, output)
    return await write(journal, find(closed, id), file, output)
  } finally {
    await journal.end()
  }
}

const isClosed = (agreement: JournalAgreement): agreement is Closed => agreement.statement !== undefined

function list(closed: readonly Closed[], output: Output): number {
  if (closed.length === 0) output.say('no agreement of the journal was closed with a statement')
  for (const { id, url, statement } of closed) {
    const { atMs, steps, price, paid, returned } = decodeStatement(JSON.parse(statement))
    output.event('closed', { agreement: id, url, at: formatTime(atMs), paid, returned })
    const kept = `${formatMsat(paid)} paid, ${formatMsat(returned)} returned`
    output.say(`${id}  ${formatTime(atMs)}  ${formatUnits(steps, price.unit)}, ${kept}  ${dim(url)}`)
  }
  return 0
}

/** @throws StreamError `option-invalid` unless it is exactly one */
function find(closed: readonly Closed[], start: string): Closed {
  const [found, ...others] = closed.filter(({ id }) => id.startsWith(start.toLowerCase()))
  if (!found) throw new StreamError('option-invalid', `no agreement that was closed begins with "${start}"`)
  if (others.length > 0) {
    throw new StreamError(
      'option-invalid',
      `${others.length + 1} agreements begin with "${start}"; give more of the id`,
    )
  }
  return found
}

async function write(journal: Journal, closed: Closed, file: string | undefined, output: Output): Promise<number> {
  const proof = await proofOf(journal, closed)
  const text = `${JSON.stringify(proof, null, 2)}\n`
  if (file !== undefined) writeFileSync(file, text)
  else if (!output.json) process.stdout.write(text)
  output.event('statement', { agreement: closed.id, ...(file === undefined ? { proof } : { file }) })
  // What does not hold is written too: it is what the seller answered.
  const judgement = judgeProof(readProof(JSON.stringify(proof)), proof.agreement.methodDetails.payee)
  return conclude(judgement, true, output)
}
