import { Command, Option } from 'commander'
import { StreamError } from '../errors/error.ts'
import { parseMsat } from '../money/msat.ts'
import { parsePrice } from '../money/price.ts'
import { aborted, interruptSignal } from './interrupt.ts'
import { openUserJournal } from './journal.ts'
import { WritableFolder } from './mcp/files.ts'
import { readHosts } from './mcp/hosts.ts'
import { AgentSession } from './mcp/session.ts'
import { clearStop, writeStop } from './mcp/stopMark.ts'
import { openNode } from './node.ts'
import {
  aheadOption,
  jsonOption,
  maxFeeOption,
  maxOption,
  maxPriceOption,
  maxRiskOption,
  nodeOption,
  readPercent,
  readPrices,
  readSchemes,
  schemesOption,
} from './options.ts'
import { createOutput } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { version } from './version.ts'

interface McpOptions {
  readonly max: string
  readonly perDay?: string
  readonly maxPrice?: string
  readonly ahead: string
  readonly maxRisk: string
  readonly schemes: string
  readonly maxFee: string
  readonly node: string
  readonly hosts?: string
  readonly private?: boolean
  readonly insecure?: boolean
  readonly files?: string
  readonly maxFile: string
}

const EXAMPLES = `
An agent's host starts this and speaks to it over stdin and stdout:
  { "command": "npx", "args": ["streampay", "mcp", "--max", "100 sat", "--files", "./bought"] }

The agent buys within --max, --max-price and the limits of \`streampay budget\`, and can raise none of them.
\`streampay mcp stop\` ends all spending by agents, as the agent's own tool does; \`streampay mcp allow\` undoes either.`

export function mcpCommand(): Command {
  const command = new Command('mcp')
    .description('Serve tools to an agent (MCP over stdio): prices, fetching with payment, what was spent')
    .addOption(maxOption())
    .option('--per-day <amount>', 'the most to spend in any 24 hours, with all else that shares the journal')
    .addOption(maxPriceOption())
    .addOption(aheadOption())
    .addOption(maxRiskOption())
    .addOption(schemesOption())
    .addOption(maxFeeOption())
    .addOption(nodeOption())
    .option('--hosts <list>', 'ask these hosts and no others: "api.example.com, *.example.org, 127.0.0.1:2402"')
    .option('--private', 'ask this machine and private networks too')
    .option('--insecure', 'pay over plain http to another machine too')
    .option('--files <folder>', 'let new files be written below this folder')
    .addOption(new Option('--max-file <size>', 'no file is larger').default('1 GiB'))
    .addHelpText('after', EXAMPLES)
    .action(async (options: McpOptions) => {
      process.exitCode = await mcp(options).catch((error) => reportError(error, createOutput(false)))
      process.exit()
    })
  command
    .command('stop')
    .description('End all spending by agents now, and let them buy nothing more')
    .addOption(jsonOption())
    .action((options: { readonly json?: boolean }) =>
      mark(options, () => `stopped since ${writeStop('by hand').at}; allow it again with streampay mcp allow`),
    )
  command
    .command('allow')
    .description('Let agents spend again, after they or you stopped it')
    .addOption(jsonOption())
    .action((options: { readonly json?: boolean }) =>
      mark(options, () => (clearStop() ? 'agents may spend again' : 'nothing was stopped')),
    )
  return command
}

function mark({ json = false }: { readonly json?: boolean }, work: () => string): void {
  const output = createOutput(json)
  try {
    const said = work()
    output.event('mcp', { ok: true, said })
    output.say(said)
  } catch (error) {
    process.exitCode = reportError(error, output)
  }
}

async function mcp(options: McpOptions): Promise<number> {
  const allowed = {
    max: parseMsat(options.max),
    perDay: options.perDay === undefined ? undefined : parseMsat(options.perDay),
    maxPrice: options.maxPrice === undefined ? [] : readPrices(options.maxPrice),
    ahead: parseMsat(options.ahead),
    maxRisk: parseMsat(options.maxRisk),
    schemes: readSchemes(options.schemes),
    maxFeePercent: readPercent(options.maxFee),
    hosts: options.hosts === undefined ? undefined : readHosts(options.hosts),
    isPrivateAllowed: options.private === true,
    isInsecure: options.insecure === true,
  }
  const files = {
    folder: options.files === undefined ? undefined : new WritableFolder(options.files),
    maxBytes: readSize(options.maxFile),
  }
  const signal = interruptSignal()
  // Loaded only here: no other command needs the SDK.
  const { serveAgent } = await import('./mcp/stdio.ts')
  const session = new AgentSession(allowed, openUserJournal(), () => openNode(options.node, 'buyer'))
  const connection = serveAgent(session, files, version)
  // The agent's host closes stdin when it ends: what is being bought is closed first.
  await Promise.race([connection.left, aborted(signal)])
  await session.close()
  await connection.close()
  return 0
}

function readSize(text: string): number {
  const { per, unit, msat } = parsePrice(`1 msat/${text}`)
  if (unit === 'byte' && msat === 1n && per <= Number.MAX_SAFE_INTEGER) return Number(per)
  throw new StreamError('option-invalid', `"${text}" is not a size such as 100 MiB`)
}
