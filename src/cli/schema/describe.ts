import type { Argument, Command, Option } from 'commander'
import { CODES, type ErrorCode, EXIT, type ExitName, isRetryable } from '../../errors/codes.ts'
import { absentOf } from './absent.ts'
import { EVENTS, FAILED } from './events.ts'
import { typeOf, type ValueType } from './types.ts'

/** Something that a command takes. */
interface Value extends Partial<ValueType> {
  readonly description: string
  readonly required: boolean
  readonly repeatable: boolean
  readonly choices?: readonly string[]
  readonly default?: unknown
}

export interface ArgumentSchema extends Value {
  readonly name: string
}

export interface OptionSchema extends Value {
  readonly flag: string
  readonly short?: string
  /** `none` for a switch. */
  readonly value: 'none' | 'required' | 'optional'
  readonly env?: string
  /** What holds without it, where there is no default value. */
  readonly absent?: string
}

export interface CommandSchema {
  readonly name: string
  readonly description: string
  readonly usage: string
  readonly arguments: readonly ArgumentSchema[]
  readonly options: readonly OptionSchema[]
  /** With `--json`, where they are known. */
  readonly events?: readonly string[]
  /** It stands for its verbs, and does nothing by itself. */
  readonly verbs?: readonly string[]
}

const MEANINGS = {
  ok: 'done',
  failed: 'unexpected failure, or what was waited for did not happen',
  usage: 'a mistake in what was written',
  refused: 'the seller, or a limit of the buyer’s, refused',
  budget: 'the budget is used up',
  payment: 'a payment failed',
  seller: 'the seller failed',
  dispute: 'the two sides’ books do not agree',
  node: 'the Lightning node failed',
  network: 'something belongs to another network',
  unknownOutcome: 'whether something was paid is not known yet',
  interrupted: 'interrupted',
} as const satisfies Record<ExitName, string>

/** Every command below one, each with what it takes, made from what the parser itself runs on. */
export function commandsOf(root: Command, path: readonly string[] = []): CommandSchema[] {
  return root.commands.flatMap((command) => {
    const names = [...path, command.name()]
    return [schemaOf(command, names.join(' ')), ...commandsOf(command, names)]
  })
}

function schemaOf(command: Command, name: string): CommandSchema {
  const verbs = command.commands.map((verb) => verb.name())
  const options = command.options.map((option) => optionOf(option, name))
  const known = EVENTS[name]
  const speaks = options.some(({ flag }) => flag === '--json')
  return {
    name,
    description: command.description(),
    usage: `streampay ${name} ${command.usage()}`,
    arguments: command.registeredArguments.map(argumentOf),
    options,
    ...(speaks && { events: [...(known ?? []), FAILED] }),
    ...(verbs.length > 0 && { verbs }),
  }
}

function argumentOf(argument: Argument): ArgumentSchema {
  const { description, required, variadic, defaultValue, argChoices } = argument
  return {
    name: argument.name(),
    description,
    required,
    repeatable: variadic,
    ...typeOf(argument.name()),
    ...(argChoices && { choices: argChoices }),
    ...(defaultValue !== undefined && { default: defaultValue }),
  }
}

/** Options that collect what is given have a parser for it; others that are repeated go by the last. */
function optionOf(option: Option, command: string): OptionSchema {
  const { long, short, flags, description, mandatory, variadic, defaultValue, argChoices, envVar, parseArg } = option
  const takesValue = option.required || option.optional
  const absent = takesValue && !mandatory ? absentOf(command, long ?? '') : undefined
  const placeholder = /[<[]([^>\].]+)/.exec(flags)?.[1]
  return {
    flag: long ?? short ?? flags,
    ...(long && short && { short }),
    description,
    value: option.required ? 'required' : option.optional ? 'optional' : 'none',
    required: mandatory,
    repeatable: variadic || (parseArg !== undefined && argChoices === undefined),
    ...(placeholder !== undefined && typeOf(placeholder)),
    ...(argChoices && { choices: argChoices }),
    ...(defaultValue !== undefined && { default: defaultValue }),
    ...(defaultValue === undefined && absent !== undefined && { absent }),
    ...(envVar !== undefined && { env: envVar }),
  }
}

export const exitCodes = () =>
  Object.entries(EXIT).map(([name, code]) => ({ code, name, meaning: MEANINGS[name as ExitName] }))

export const errorCodes = () =>
  (Object.keys(CODES) as ErrorCode[]).map((code) => {
    const { title, hint, exit, status } = CODES[code]
    return { code, title, hint, exit: EXIT[exit], status, retryable: isRetryable(code) }
  })
