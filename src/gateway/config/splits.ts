/** What of a configuration is about splits. */
interface Divided {
  readonly node?: string | undefined
  readonly recipients?: Readonly<Record<string, { readonly node: string }>> | undefined
  readonly routes: ReadonlyArray<{
    readonly price: unknown
    readonly split?: Readonly<Record<string, number>> | undefined
    readonly payee?: { readonly node: string } | undefined
  }>
}

type Mistake = readonly [path: readonly (string | number)[], message: string]

/** Parts are thousandths of a per cent. */
const WHOLE = 100_000

/** What is wrong with the splits of a configuration, with its place: money must not go to a name that was misspelt. */
export function* splitMistakes({ node, recipients = {}, routes }: Divided): Iterable<Mistake> {
  const known = Object.keys(recipients)
  for (const [index, { split, price, payee }] of routes.entries()) {
    if (!split) continue
    const at = ['routes', index, 'split'] as const
    const names = Object.keys(split)
    const others = names.filter((name) => !Object.hasOwn(recipients, name))
    const sum = Object.values(split).reduce((all, share) => all + share, 0)
    if (sum !== WHOLE) yield [at, `must add up to 100%, and is ${sum / 1000}%`]
    if (price === 'free') yield [at, 'is of what a route earns, and this one is free']
    if (known.length === 0) yield [at, 'needs "recipients": their names, each with the node that is paid']
    else if (others.length === names.length) yield [at, `has none of the recipients: ${known.join(', ')}`]
    else if (others.length > 1) {
      const which = 'one name may be none of them, the seller itself; the recipients are'
      for (const name of others) yield [[...at, name], `is no recipient, and only ${which} ${known.join(', ')}`]
    }
    const unnamed = known.filter((name) => !Object.hasOwn(split, name))
    for (const name of others.length === 1 ? others : []) {
      const meant = unnamed.find((recipient) => isSlip(name, recipient))
      if (meant)
        yield [[...at, name], `is no recipient, but nearly ${meant}: what is the seller's own takes a name less alike`]
    }
    // An embedded node is another one each time that it is named.
    const payer = payee?.node ?? node
    for (const name of names) {
      if (payer === undefined || payer === 'embedded' || recipients[name]?.node !== payer) continue
      yield [
        ['recipients', name, 'node'],
        `is the node that earns: leave ${name} out of the recipients to keep its part`,
      ]
    }
  }
}

/** Whether one name is the other with a slip of the finger or two: letters added, left out, changed. */
function isSlip(one: string, other: string): boolean {
  const most = Math.min(2, Math.floor(Math.max(one.length, other.length) / 4))
  let row = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1]
    for (const [j, second] of [...other].entries()) {
      next.push(Math.min(row[j]! + (letter === second ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return row.at(-1)! <= most
}
