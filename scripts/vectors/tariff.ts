import { answerCounter } from '../../src/meter/answer.ts'
import { type Play, playSteps, readPlay } from '../../src/meter/play.ts'
import { type Counts, formatTariff, readPriceSpec, type TariffText, tariffCost } from '../../src/money/tariff.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { decodeOffer, encodeOffer } from '../../src/wire/offer.ts'
import { offer } from '../../src/wire/testing/fixtures.ts'
import { plain, refusals, type Vectors } from './row.ts'

const chat: TariffText = { input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' }
const all: TariffText = {
  request: '1 sat',
  upload: '1 sat/3 bytes',
  input: '1 sat/3 tokens',
  output: '7 msat/8 bytes',
  extra: '10 sat',
}
const counts = (upload: bigint, input: bigint, output: bigint, extra = 0n): Counts => ({ upload, input, output, extra })
const COSTS: ReadonlyArray<readonly [TariffText, Counts]> = [
  [chat, counts(0n, 0n, 0n)],
  [chat, counts(0n, 1000n, 800n)],
  [chat, counts(0n, 1004n, 801n)],
  [{ request: '2 sat' }, counts(100n, 25n, 1000n)],
  [all, counts(1n, 2n, 9n, 5n)],
  [{ output: '2 sat/play-second' }, counts(0n, 0n, 6006n)],
]
const PLAYS: ReadonlyArray<readonly [header: string, length: string, bytes: readonly bigint[]]> = [
  ['ms=6006', '1000', [0n, 1n, 500n, 999n, 1000n]],
  ['ms=6006;paid=500', '1000', [0n, 500n, 501n, 1000n]],
  ['ms=6006;of=1000;from=750', '250', [1n, 250n]],
  ['ms=6006;paid=100;of=1000;from=750', '250', [100n, 250n]],
  ['ms=86400000', '1', [1n]],
]
const NOT_PLAYS: ReadonlyArray<readonly [header: string, length: string | null]> = [
  ['ms=6006', null],
  ['ms=06', '1000'],
  ['ms=1.5', '1000'],
  ['ms=86400001', '1000'],
  ['ms=6006; paid=1', '1000'],
  ['ms=6006;paid=1001', '1000'],
  ['ms=6006;of=1000;from=751', '250'],
]
const USAGES: ReadonlyArray<readonly [type: string, body: string]> = [
  ['application/json', '{"usage":{"prompt_tokens":12,"completion_tokens":3}}'],
  ['application/json', '{"object":"list","data":[{"object":"embedding"}],"usage":{"prompt_tokens":12}}'],
  ['application/x-ndjson', '{"response":"a","done":false}\n{"done":true,"eval_count":1,"prompt_eval_count":5}\n'],
  [
    'text/event-stream',
    'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":1}}\n\n',
  ],
  ['text/plain', 'no usage at all'],
]

const offered = (tariff: TariffText) => encodeOffer({ ...offer, ...readPriceSpec(tariff) })
const json = offered(all)

/** What a body tells under a tariff that has a price for input and one for output. */
function usageOf(type: string, body: string) {
  const { price, tariff } = readPriceSpec(chat)
  const counter = answerCounter({ price, tariff }, { get: (name) => (name === 'content-type' ? type : null) })!
  const pieces = [...counter.push(new TextEncoder().encode(body)), ...counter.end()]
  const output = pieces.reduce((sum, { steps, owed = 0n }) => sum + steps + owed, 0n)
  return {
    type,
    body,
    output: `${output}`,
    prompt: plain(pieces.findLast(({ prompt }) => prompt !== undefined)?.prompt ?? null),
  }
}

export const tariff = (): Vectors => ({
  about:
    'Tariffs, what they come to, and playing time (sections 1.1 and 1.2). Counts are in steps, `extra` and costs in msat.',
  costs: COSTS.map(([text, counted]) => {
    const { tariff } = readPriceSpec(text)
    return {
      tariff: offered(text).tariff,
      printed: formatTariff(tariff!),
      counts: plain(counted),
      cost: `${tariffCost(tariff!, counted)}`,
    }
  }),
  usages: USAGES.map(([type, body]) => usageOf(type, body)),
  plays: PLAYS.map(([header, length, bytes]) => {
    const play = readPlay(header, length) as Play
    return {
      header,
      length,
      steps: bytes.map((count) => ({ bytes: `${count}`, steps: `${playSteps(play, count)}` })),
    }
  }),
  playsRefused: NOT_PLAYS.map(([header, length]) => {
    if (readPlay(header, length)) throw new Error(`"${header}" was meant to be refused, and was not`)
    return { header, length }
  }),
  offersRefused: refusals<object>(
    {
      'another unit beside it': { ...json, unitType: 'token' },
      'nothing to pay for': { ...json, tariff: {} },
      'a charge of a later version': { ...json, tariff: { ...json.tariff, gpu: { amount: '1', per: '1' } } },
      'an output without a unit': { ...json, tariff: { output: { amount: '1', per: '1' } } },
      'an output by the request': { ...json, tariff: { output: { amount: '1', per: '1', unitType: 'request' } } },
      'a number for an amount': { ...json, tariff: { request: 1000 } },
      'no steps': { ...json, tariff: { input: { amount: '1', per: '0' } } },
      'no object': { ...json, tariff: '1 sat' },
    },
    (value) => decodeOffer(encodeJson(value)),
  ),
})
