/** Reads bytes of a file: fewer than asked for only at its end. */
export type ReadAt = (start: number, length: number) => Promise<Uint8Array>

/** Boxes that are looked at before the file is given up: a film has a dozen. */
const MAX_BOXES = 1000
const HEADER_BYTES = 16
const MVHD_BYTES = 32
/** The most that one body may say it plays: a day. What plays longer would count nothing. */
const MAX_DURATION_MS = 86_400_000

/** A box of an MP4 file (ISO 14496-12): where its content lies. */
interface Box {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** The box whose header these bytes begin with, at `at` in a space that ends at `limit`; `undefined` if they are none. */
function readBox(header: Uint8Array, at: number, limit: number): Box | undefined {
  if (header.byteLength < 8) return undefined
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const type = String.fromCharCode(...header.subarray(4, 8))
  const short = view.getUint32(0)
  if (short === 1 && header.byteLength < 16) return undefined
  const size = short === 0 ? limit - at : short === 1 ? Number(view.getBigUint64(8)) : short
  const start = at + (short === 1 ? 16 : 8)
  const end = at + size
  return Number.isSafeInteger(end) && end >= start && end <= limit ? { type, start, end } : undefined
}

/** How long the content of an `mvhd` box says that the film plays, in ms; `undefined` if it does not say. */
function readMvhd(content: Uint8Array): number | undefined {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength)
  const isLong = content[0] === 1
  if (content.byteLength < (isLong ? 32 : 20)) return undefined
  const timescale = BigInt(view.getUint32(isLong ? 20 : 12))
  const duration = isLong ? view.getBigUint64(24) : BigInt(view.getUint32(16))
  if (timescale === 0n || duration === 0n) return undefined
  const ms = (duration * 1000n) / timescale
  return ms > 0n && ms <= MAX_DURATION_MS ? Number(ms) : undefined
}

/**
 * How long an MP4 or MOV file plays, in ms, by its `moov/mvhd` box; `undefined` for a file that is none, or is damaged.
 * Reads a few dozen bytes of each box on the way and never more than 1,000 boxes.
 * @example await mp4DurationMs(readAt, size)
 */
export async function mp4DurationMs(readAt: ReadAt, size: number): Promise<number | undefined> {
  const moov = await findBox(readAt, 'moov', 0, size)
  const mvhd = moov && (await findBox(readAt, 'mvhd', moov.start, moov.end))
  return mvhd && readMvhd(await readAt(mvhd.start, Math.min(MVHD_BYTES, mvhd.end - mvhd.start)))
}

async function findBox(readAt: ReadAt, type: string, start: number, end: number): Promise<Box | undefined> {
  let at = start
  for (let count = 0; count < MAX_BOXES && at < end; count++) {
    const box = readBox(await readAt(at, Math.min(HEADER_BYTES, end - at)), at, end)
    if (!box || box.type === type) return box
    at = box.end
  }
  return undefined
}
