import type { Option, OptionsType } from './publicOptions.ts'

/** What an option lacks, as somebody who reads its docstring would miss it. */
export function missing({ name, type, optional, text }: Option): string | undefined {
  if (text === '') return 'has no docstring'
  if (optional && !/\bdefaults?\b/i.test(text)) return 'is optional, and its docstring names no default'
  if (/\b(number|bigint)\b/.test(type) && unitOf(name, type) === '' && !UNITS.test(text))
    return 'is a number of no unit'
  return undefined
}

/** Where neither name nor type says it, the docstring has one of these. */
const UNITS =
  /\b(ms|seconds?|msat|sat|satoshi|per cent|MiB|bytes?|tokens|requests|invoices|agreements|watches|bids|addresses|proxies|port|streams|units)\b/i

/** The unit of an option, by its type and its name. */
export function unitOf(name: string, type: string): string {
  if (/\bMsat\b/.test(type)) return type.includes('string') ? 'msat, or a text such as "10 sat"' : 'msat'
  if (/\bPrice(Spec)?\b/.test(type)) return 'a price, or a text such as "1 sat/MiB"'
  if (name.endsWith('Ms')) return 'ms'
  if (name.endsWith('Seconds')) return 's'
  if (name.endsWith('Percent')) return '%'
  if (name.endsWith('MiB')) return 'MiB'
  return name.endsWith('Sat') ? 'satoshi' : ''
}

/** `docs/options.md`, made from the docstrings. */
export function optionsReference(types: readonly OptionsType[]): string {
  return `# Options of the library

Made from the docstrings by \`npm run options-table\`; a test keeps it current, and fails for an option without a docstring, or an optional one
whose docstring names no default. Amounts are bigints of msat, or texts such as \`"10 sat"\`; times are numbers of ms.
What the command takes is in [cli.md](cli.md) and in \`streampay schema\`; a gateway's configuration is in [gateway.md](gateway.md).
${types.map(section).join('')}`
}

const section = ({ name, entries, options }: OptionsType): string => `
## ${name}

${entries.map((entry) => `\`${entry}\``).join(', ')}

| Option | Unit | What it is |
| --- | --- | --- |
${options.map(row).join('\n')}
`

const row = ({ name, type, optional, text }: Option): string =>
  `| \`${name}\`${optional ? '' : ' (required)'} | ${unitOf(name, type)} | ${text.replaceAll('|', '\\|')} |`
