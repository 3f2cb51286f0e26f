import { modelAvailable } from '../../examples/model/setup.ts'
import { hasPython } from '../../test/proxy/python.ts'
import { type FigureResult, round } from '../figure.ts'
import { type Chat, chat, openModelStand } from '../proxy/modelStand.ts'

const NAME = 'proxy-model-gaps'
const ASKED = {
  model: 'smollm2-135m-instruct',
  messages: [{ role: 'user', content: 'Tell me at length how rain comes to be.' }],
  max_tokens: 250,
  temperature: 0,
  seed: 1,
}
const ROUNDS = 4
const PART = 0.99
const PRICE_MSAT = 1000n

/**
 * The gaps between the tokens of the real model as Python's `openai` reads them, paid through `streampay proxy`, against the same answer unpaid. In
 * turn, each first in every other round: two answers at once would halve the model's pace.
 */
export async function proxyModelGaps(): Promise<FigureResult> {
  const missing = modelAvailable()
  if (missing !== true) return { name: NAME, skipped: missing }
  if (!hasPython('openai')) return { name: NAME, skipped: 'no openai package for Python' }
  const stand = await openModelStand({ price: '1 sat/token', credit: '100 sat', ahead: '200 sat' })
  try {
    const paid: Chat[] = []
    const unpaid: Chat[] = []
    // The first round warms up both, and makes the agreement.
    for (let i = 0; i <= ROUNDS; i++) {
      const ways = [
        [paid, stand.paidUrl],
        [unpaid, stand.freeUrl],
      ] as const
      for (const [chats, url] of i % 2 === 0 ? ways : ways.toReversed()) chats.push(await chat(url, ASKED))
    }
    const trade = await stand.trade()
    const accounts = await stand.accounts()
    const isSame = new Set([...paid, ...unpaid].map(({ text }) => text)).size === 1
    const cost = PRICE_MSAT * BigInt(paid.reduce((sum, { tokens }) => sum + tokens, 0))
    const charged = accounts.reduce((sum, { deliveredSteps }) => sum + BigInt(deliveredSteps), 0n) * PRICE_MSAT
    const isExact = charged === cost && BigInt(trade.received) === cost
    const [ours, theirs] = [gapsOf(paid), gapsOf(unpaid)]
    const [value, counterpartValue] = [round(at(ours, PART)), round(at(theirs, PART))]
    return {
      name: NAME,
      value,
      unit: 'ms at p99',
      counterpart: 'the same answer unpaid, in turn',
      counterpartValue,
      ratio: round(value / counterpartValue),
      goal: 'value <= 1.1 x counterpart + 5 ms, the same text, cost = tokens x price',
      held: value <= counterpartValue * 1.1 + 5 && isSame && isExact,
      note:
        `${ours.length} and ${theirs.length} gaps of ${ROUNDS} answers each, read by Python's openai; the text is ${isSame ? 'the same' : 'another'}; ` +
        `${paid.map(({ tokens }) => tokens).join(' + ')} tokens at 1 sat: ${charged} msat charged${isExact ? '' : `, by the buyer's count ${trade.received}`}; ` +
        `medians ${round(at(ours, 0.5))} and ${round(at(theirs, 0.5))} ms, longest ${round(at(ours, 1))} and ${round(at(theirs, 1))} ms; ` +
        `${trade.payments} payments, stalled ${Math.round(trade.stallMs)} ms in all`,
    }
  } finally {
    await stand.close()
  }
}

/** Without the first round, shortest first. */
const gapsOf = (chats: readonly Chat[]): readonly number[] =>
  chats
    .slice(1)
    .flatMap(({ gaps }) => gaps)
    .sort((a, b) => a - b)

const at = (sorted: readonly number[], part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!
