import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { StreamError } from '../../errors/error.ts'
import type { BakedMacaroon, LndRole } from '../../lightning/lnd/index.ts'
import { jsonOption, nodeOption } from '../options.ts'
import { dim } from '../output/colour.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'

interface MacaroonOptions {
  readonly for: LndRole
  readonly node: string
  readonly save: string
  readonly returns: boolean
  readonly force?: boolean
  readonly json?: boolean
}

const HELP = `
Example:
  streampay node macaroon --for seller --node lnd:~/.lnd --save seller.macaroon

--node names LND with a macaroon that may bake others, as its admin.macaroon may. Use the new one with --node lnd and
STREAMPAY_LND_MACAROON.`

export function macaroonCommand(): Command {
  return new Command('macaroon')
    .description('Have LND make a macaroon that can do what a seller or a buyer does, and nothing else')
    .addOption(new Option('--for <role>', 'who uses it').choices(['seller', 'buyer']).makeOptionMandatory())
    .addOption(nodeOption())
    .requiredOption('--save <file>', 'where it goes; readable by you alone')
    .option('--no-returns', 'without what paying balances back takes (seller), or taking them back (buyer)')
    .option('--force', 'write over the file')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (options: MacaroonOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await macaroon(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function macaroon(options: MacaroonOptions, output: Output): Promise<number> {
  const { for: role, node, save, returns, force = false } = options
  const file = resolve(save)
  if (!/^lnd(?::|$)/.test(node)) throw new StreamError('node-spec-invalid', `"${node}" has no macaroons; name an LND`)
  // Found out before LND makes what could not be kept.
  if (!force) refuseExisting(file)
  const { bakeMacaroon, parseLndSpec } = await import('../../lightning/lnd/index.ts')
  const baked = await bakeMacaroon(parseLndSpec(node), role, returns)
  write(file, baked, force)
  const { permissions, rootKeyId } = baked
  output.event('macaroon', { file, for: role, returns, permissions, rootKeyId })
  output.say(`wrote ${file}: it can do what a ${role} does${returns ? '' : ', without returns'}, and nothing else`)
  for (const permission of permissions) output.say(dim(`  ${permission}`))
  output.say(`use it  STREAMPAY_LND_MACAROON=${file} with STREAMPAY_LND_CERT and --node lnd`)
  output.say(`end it  lncli deletemacaroonid ${rootKeyId}`)
  return 0
}

/** Never over another file by accident, and never readable by others, not for a moment. */
function write(file: string, { bytes }: BakedMacaroon, force: boolean): void {
  if (!force) {
    try {
      writeFileSync(file, bytes, { mode: 0o600, flag: 'wx' })
      return
    } catch (error) {
      refuseExisting(file)
      throw error
    }
  }
  const beside = `${file}.${process.pid}.new`
  try {
    writeFileSync(beside, bytes, { mode: 0o600, flag: 'wx' })
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}

function refuseExisting(file: string): void {
  if (existsSync(file)) throw new StreamError('option-invalid', `${file} exists; --force writes over it`)
}
