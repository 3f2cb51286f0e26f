import { StreamError } from '../../errors/error.ts'
import { formatPlay } from '../../meter/play.ts'
import { type Price, parsePrice, price } from '../../money/price.ts'
import type { PriceSpec } from '../../money/tariff.ts'
import type { Meter } from '../../seller/delivery.ts'
import type { Delivered } from './delivered.ts'

/** What is sold of a film is playing time, counted in ms. */
export const PLAY_SECOND = 'play-second'

/** For a video "2 sat/s" means two sat for each second that plays: the same numbers, of another unit. */
export const playPrice = (given: Price): Price =>
  given.unit === 'second' ? price(given.msat, given.per, PLAY_SECOND) : given

/** As `playPrice`, for whatever a route may ask. @throws StreamError `price-invalid` */
export function playSpec(spec: PriceSpec): PriceSpec {
  if (typeof spec === 'string') return playPrice(parsePrice(spec))
  if ('per' in spec) return playPrice(spec)
  const { output } = spec
  if (output === undefined) return spec
  return { ...spec, output: playPrice(typeof output === 'string' ? parsePrice(output) : output) } as PriceSpec
}

/** A body without a length is held up to here: a segment of some seconds is smaller. */
const MAX_HELD_BYTES = 64 << 20
/** A body leaves in slices of at least and at most so many bytes, and of a 64th of it between: where it is cut, so little is uncertain. */
const SLICE_BYTES = { least: 1024, most: 64 * 1024, parts: 64 }

export interface Playable {
  /** What was delivered is remembered under this name. */
  readonly segment: string
  /** How long the whole of it plays. */
  readonly ms: number
}

/**
 * An answer with (a part of) something that plays, made ready to be sold: the header `stream-play` says how long it plays and how
 * much of it was paid before (spec section 1.2), and what leaves is noted.
 * @throws StreamError `upstream-failed` for a body without a length that is too large to be held
 */
export async function sellPlay(
  answer: Response,
  { segment, ms }: Playable,
  meter: Meter,
  delivered: Delivered,
): Promise<Response> {
  if (!answer.ok || !answer.body) return answer
  const headers = new Headers(answer.headers)
  const held = lengthOf(headers) === undefined ? await hold(answer.body) : undefined
  if (held) headers.set('content-length', `${held.byteLength}`)
  const length = lengthOf(headers) ?? 0
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')
  if (answer.status === 206 && !range)
    throw new StreamError('upstream-failed', 'a range of a segment has no known whole')
  const from = Number(range?.[1] ?? 0)
  const total = Number(range?.[2] ?? length)
  const paid = Math.min(length, delivered.paidFrom(meter.agreement, segment, from))
  const [of, begins, whole] = [BigInt(total), BigInt(from), BigInt(length)]
  headers.set('stream-play', formatPlay({ ms: BigInt(ms), paid: BigInt(paid), of, from: begins, length: whole }))
  const source = held ? new Response(held).body! : answer.body
  const note = (start: number, end: number) => delivered.add(meter.agreement, segment, from + start, from + end)
  const body = slowly(source, note, sliceOf(length))
  return new Response(body, { status: answer.status, statusText: answer.statusText, headers })
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get('content-length')
  return text !== null && /^\d{1,15}$/.test(text) && !headers.has('content-encoding') ? Number(text) : undefined
}

async function hold(body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.byteLength
    if (length > MAX_HELD_BYTES) throw new StreamError('upstream-failed', 'a segment has no length and no end')
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

const sliceOf = (length: number): number =>
  Math.min(SLICE_BYTES.most, Math.max(SLICE_BYTES.least, Math.ceil(length / SLICE_BYTES.parts)))

/**
 * The body in small slices. Invariant: a slice counts as delivered only when the next one is asked for, since a gate reads on only
 * when everything before was covered and taken; what is noted too late is charged twice, and never given away.
 */
function slowly(
  source: ReadableStream<Uint8Array>,
  note: (start: number, end: number) => void,
  sliceBytes: number,
): ReadableStream<Uint8Array> {
  const reader = source.getReader()
  let held: Uint8Array = new Uint8Array(0)
  let noted = 0
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        note(noted, sent)
        noted = sent
        while (held.byteLength === 0) {
          const read = await reader.read()
          if (read.done) return controller.close()
          held = read.value
        }
        const slice = held.subarray(0, sliceBytes)
        held = held.subarray(slice.byteLength)
        sent += slice.byteLength
        controller.enqueue(slice)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
