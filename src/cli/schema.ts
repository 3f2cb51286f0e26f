import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import { createOutput } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { commandsOf, errorCodes, exitCodes } from './schema/describe.ts'

export function schemaCommand(): Command {
  return new Command('schema')
    .description('Describe every command as JSON: arguments, options, types, units, defaults, exit codes')
    .argument('[command...]', 'only this one and its verbs, such as "node up"')
    .addHelpText('after', '\nExample:\n  streampay schema get | jq .commands[0].options')
    .action((names: readonly string[], _options: object, { parent }: Command) => {
      try {
        const schema = schemaOf(parent!, names.flatMap((name) => name.split(' ')).join(' '))
        process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
      } catch (error) {
        process.exitCode = reportError(error, createOutput(false))
      }
    })
}

/** @throws StreamError `option-invalid` for no command */
function schemaOf(program: Command, wanted: string): object {
  const all = commandsOf(program)
  const commands = all.filter(({ name }) => wanted === '' || name === wanted || name.startsWith(`${wanted} `))
  if (commands.length === 0) throw new StreamError('option-invalid', `there is no command "${wanted.slice(0, 60)}"`)
  const named = { name: program.name(), version: program.version(), description: program.description() }
  return { ...named, commands, exitCodes: exitCodes(), ...(wanted === '' && { errors: errorCodes() }) }
}
