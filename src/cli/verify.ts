import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import { formatMsat } from '../money/msat.ts'
import { formatPrice } from '../money/price.ts'
import { PUBLIC_KEY } from '../wire/fields.ts'
import { type Judgement, judgeProof, MAX_PROOF_LENGTH, readProof } from '../wire/proof.ts'
import { formatTime } from '../wire/time.ts'
import { jsonOption } from './options.ts'
import { bold, dim } from './output/colour.ts'
import { formatUnits, plural } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { unitsOf } from './output/record.ts'
import { reportError } from './output/reportError.ts'

interface VerifyOptions {
  readonly payee?: string
  readonly json?: boolean
}

const HELP = `
Example:
  streampay verify proof.json --payee 02a1b2…

Works without a network or a node. Exit code 0: it holds; 7: it does not, nobody signed it, or it leaves out payments.`

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check a proof or a closing statement, offline')
    .argument('<file>', 'what `streampay statement` wrote, or a closing statement; - reads stdin')
    .option('--payee <key>', "the seller's public key, as you know it from elsewhere")
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (file: string, options: VerifyOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await verify(file, options, output).catch((error) => reportError(error, output))
    })
}

async function verify(file: string, { payee }: VerifyOptions, output: Output): Promise<number> {
  if (payee !== undefined && !PUBLIC_KEY.test(payee)) {
    throw new StreamError('option-invalid', `"${payee}" is not a public key: 66 hex digits that begin with 02 or 03`)
  }
  const text = await readUpTo(file === '-' ? process.stdin : createReadStream(file), MAX_PROOF_LENGTH)
  const judgement = judgeProof(readProof(text), payee)
  return conclude(judgement, payee !== undefined, output)
}

/** Reads no more than it must to know that it is too much. @throws StreamError `proof-invalid` */
async function readUpTo(stream: Readable, most: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > most) throw new StreamError('proof-invalid', `longer than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const leftOut = ({ proven, stated, leftOut }: Judgement): StreamError =>
  new StreamError(
    'statement-invalid',
    `the statement says that ${formatMsat(stated)} were paid, and ${formatMsat(proven)} are proven`,
    { proven: `${proven}`, stated: `${stated}`, leftOut: `${leftOut}` },
  )

/** Says what a judgement found, for people as a small table, and returns the exit code. */
export function conclude(judgement: Judgement, payeeKnown: boolean, output: Output): number {
  const { verdict, statement, payments, proven, stated, missing } = judgement
  const { agreement, payee, network, price, steps, delivered, returned, balance, atMs } = statement
  output.event('verified', {
    ok: verdict !== 'left-out' && verdict !== 'unsigned',
    verdict,
    agreement,
    payee,
    payeeKnown,
    network,
    unit: price.unit,
    price: formatPrice(price),
    units: unitsOf(steps, price.unit),
    at: formatTime(atMs),
    delivered,
    paid: stated,
    returned,
    balance,
    payments,
    proven,
    missing,
    leftOut: judgement.leftOut,
  })
  const row = (name: string, value: string): void => output.say(`  ${name.padEnd(10)} ${value}`)
  row('agreement', `${agreement} · ${network}`)
  row('closed', formatTime(atMs))
  if (verdict === 'unsigned') row('unsigned', "nobody's word; the payments alone show something")
  else row('signed by', payeeKnown ? payee : `${payee} ${dim('(is it the seller? name the key with --payee)')}`)
  row('delivered', `${formatUnits(steps, price.unit)} for ${formatMsat(delivered)}, at ${formatPrice(price)}`)
  row('paid', `${formatMsat(stated)} stated · ${formatMsat(proven)} proven by ${plural(payments, 'payment')}`)
  row('returned', `${formatMsat(returned)} by then · ${formatMsat(balance)} left`)
  output.say(`${bold(verdict)}: ${WORDS[verdict]}`)
  const trouble =
    verdict === 'left-out' ? leftOut(judgement) : verdict === 'unsigned' ? notSigned(judgement) : undefined
  return trouble ? reportError(trouble, output) : 0
}

const notSigned = ({ proven, stated }: Judgement): StreamError =>
  new StreamError('statement-unsigned', `nobody signed the statement; ${formatMsat(proven)} are proven by payments`, {
    proven: `${proven}`,
    stated: `${stated}`,
  })

const WORDS = {
  proven: 'all that the seller says was paid, was',
  partly: 'for what is not proven stands the signed word of the seller alone',
  unproven: 'no payment was proven; what was paid is the signed word of the seller',
  'left-out': 'more was paid than the seller says',
  unsigned: "the statement is nobody's word, and what it says beyond the payments proves nothing",
} as const satisfies Record<Judgement['verdict'], string>
