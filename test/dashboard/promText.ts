/** One sample of a page in Prometheus' text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y

/** Reads a page as strictly as the format is written down (0.0.4). @throws Error with the line that breaks a rule */
export function readProm(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const samples: Sample[] = []
  const types = new Map<string, string>()
  const seen = new Set<string>()
  let family = ''
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind) {
      if (!NAME.test(name)) throw new Error(`no name: ${line}`)
      if (kind === 'TYPE' && types.has(name)) throw new Error(`a second type: ${line}`)
      if (kind === 'TYPE' && !['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`no type: ${line}`)
      if (kind === 'TYPE') types.set(name, rest)
      if (kind === 'HELP' && types.has(name)) throw new Error(`help after its type: ${line}`)
      family = name
      continue
    }
    const match = SAMPLE.exec(line)
    if (!match) throw new Error(`no sample: ${line}`)
    const [, full = '', labelText = '', number = ''] = match
    const value = number === '+Inf' ? Infinity : Number(number)
    if (number === '' || Number.isNaN(value)) throw new Error(`no number: ${line}`)
    const base = types.get(family) === 'histogram' ? full.replace(/_(bucket|sum|count)$/, '') : full
    if (base !== family) throw new Error(`outside its family: ${line}`)
    if (types.get(family) === 'counter' && !full.endsWith('_total')) throw new Error(`a counter's name: ${line}`)
    const labels = readLabels(labelText, line)
    const key = `${full} ${JSON.stringify(Object.entries(labels).sort())}`
    if (seen.has(key)) throw new Error(`twice: ${line}`)
    seen.add(key)
    samples.push({ name: full, labels, value })
  }
  return samples
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text)
    if (!match || match[1]! in labels) throw new Error(`labels: ${line}`)
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, sign) => (sign === 'n' ? '\n' : sign))
  }
  return labels
}
