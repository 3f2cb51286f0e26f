import type { Stage } from './stage.ts'

/** What an attack won, in one measure, against what the protocol promises. */
export interface Measure {
  /** What `loss` and `bound` count: `msat` where money is at stake, or such as `node calls`, `bytes held`. */
  readonly measure: string
  readonly loss: bigint
  readonly bound: bigint
}

/** What came of one attack. */
export interface Finding extends Measure {
  /** How often it was tried. */
  readonly tries: number
  /** What else it was measured by. Each has its own bound. */
  readonly also?: readonly Measure[]
  /** How the attacked side answered: what it said, and how often. */
  readonly answers?: Readonly<Record<string, number>>
}

export interface Attack {
  readonly name: string
  /** Which side is hostile; the other one is ours. */
  readonly side: 'buyer' | 'seller'
  /** One sentence: what is tried. */
  readonly what: string
  /** It measures its victim's process (memory), so nothing else runs there meanwhile. */
  readonly alone?: true
  /** @throws if it could not be carried out, which is no success of the defence */
  run(stage: Stage): Promise<Finding>
}

/** One line of the result. Amounts and counts are decimal strings. */
export interface Row {
  readonly attack: string
  readonly side: 'buyer' | 'seller'
  readonly what: string
  readonly tries: number
  readonly measure: string
  readonly loss: string
  readonly bound: string
  readonly held: boolean
  readonly also?: ReadonlyArray<{ readonly measure: string; readonly loss: string; readonly bound: string }>
  readonly answers?: Readonly<Record<string, number>>
  /** Set if the attack could not be carried out: then nothing is shown, and it does not count as held. */
  readonly error?: string
  /** How long it took. */
  readonly ms?: number
}

const written = ({ measure, loss, bound }: Measure) => ({ measure, loss: `${loss}`, bound: `${bound}` })
const within = ({ loss, bound }: Measure): boolean => loss <= bound

/** Holds every measure of a finding against its bound. */
export function judge({ name, side, what }: Attack, finding: Finding): Row {
  const { tries, also = [], answers } = finding
  return {
    attack: name,
    side,
    what,
    tries,
    ...written(finding),
    held: tries > 0 && [finding, ...also].every(within),
    ...(also.length > 0 && { also: also.map(written) }),
    ...(answers && { answers }),
  }
}

/** An attack that did not come about: nothing was shown, so it does not pass. */
export function failed({ name, side, what }: Attack, error: unknown): Row {
  const text = error instanceof Error ? error.message : String(error)
  return { attack: name, side, what, tries: 0, measure: '-', loss: '0', bound: '0', held: false, error: text }
}

/** Counts answers by name. */
export class Tally {
  readonly counts: Record<string, number> = {}

  add(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }
}

/** Checks that an attack took place. @throws Error naming what was missing */
export function mustBe(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`the attack did not come about: ${what}`)
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until something is so, for at most `ms`; resolves to whether it came to be. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await condition()) return true
  return condition()
}
