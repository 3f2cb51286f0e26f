import { StreamError } from '../../errors/error.ts'
import { MAX_PLAYLIST_BYTES, MAX_SEGMENTS, type Playlist, type Segment } from './hls.ts'

/**
 * Reads a DASH manifest (ISO 23009-1) as far as it names its segments by `SegmentTemplate`, with a fixed duration or a timeline: the form
 * that packagers write. It is no XML parser: it looks for the elements that it needs. Each is looked through once, up to the next `<`, so that tags
 * without an end cost no more than others.
 * @throws StreamError `upstream-failed` for another form, or more than 43,200 segments
 */
export function readMpd(text: string): Playlist {
  if (text.length > MAX_PLAYLIST_BYTES || !/<MPD[\s>]/.test(text)) throw unusable('is none')
  if (/<BaseURL[\s>]/.test(text)) throw unusable('names a BaseURL, which is not supported')
  const totalMs = isoMs(attribute(/<MPD\s[^<>]*>/.exec(text)?.[0] ?? '', 'mediaPresentationDuration'))
  const segments: Segment[] = []
  const extras: string[] = []
  for (const set of text.split(/<AdaptationSet[\s>]/).slice(1, 65)) {
    const template = /<SegmentTemplate\s([^<>]*)>/.exec(set)?.[1]
    const media = attribute(template ?? '', 'media')
    if (template === undefined || media === undefined) throw unusable('has no SegmentTemplate')
    const lengths = lengthsOf(set, template, totalMs)
    const first = Number(attribute(template, 'startNumber') ?? 1)
    // The picture is what is paid; its sound comes with it.
    const isSound = /^[^>]*(?:contentType="(?:audio|text)"|mimeType="(?:audio|text)\/)/.test(set)
    for (const [, id, bandwidth] of representations(set)) {
      const fill = (pattern: string, number: number, time: bigint) =>
        pattern.replace(/\$(RepresentationID|Number|Time|Bandwidth)(?:%0(\d{1,2})d)?\$/g, (_, name, width) => {
          const value = { RepresentationID: id, Number: `${number}`, Time: `${time}`, Bandwidth: bandwidth }[
            name as 'Time'
          ]
          return `${value}`.padStart(Number(width ?? 0), '0')
        })
      const init = attribute(template, 'initialization')
      if (init) extras.push(fill(init, 0, 0n))
      for (const [i, { ms, time }] of lengths.entries()) {
        if (isSound) extras.push(fill(media, first + i, time))
        else segments.push({ uri: fill(media, first + i, time), ms })
        if (segments.length + extras.length > MAX_SEGMENTS) throw unusable(`names more than ${MAX_SEGMENTS} segments`)
      }
    }
  }
  return { kind: 'media', segments, extras }
}

interface Length {
  readonly ms: number
  readonly time: bigint
}

function lengthsOf(set: string, template: string, totalMs: number | undefined): Length[] {
  const timescale = whole(attribute(template, 'timescale') ?? '1')
  const fixed = attribute(template, 'duration')
  if (timescale === 0n) throw unusable('has a timescale of zero')
  const lengths: Length[] = []
  if (fixed !== undefined) {
    const ms = Number((whole(fixed) * 1000n) / timescale)
    if (totalMs === undefined || ms <= 0) throw unusable('does not say how long it is')
    if (totalMs / ms > MAX_SEGMENTS) throw unusable(`names more than ${MAX_SEGMENTS} segments`)
    for (let at = 0; at < totalMs; at += ms) lengths.push({ ms: Math.min(ms, totalMs - at), time: 0n })
    return lengths
  }
  let time = 0n
  for (const [, text = ''] of set.matchAll(/<S\s([^<>]*?)\/?>/g)) {
    const duration = whole(attribute(text, 'd') ?? '')
    const repeats = Number(attribute(text, 'r') ?? '0')
    time = attribute(text, 't') === undefined ? time : whole(attribute(text, 't')!)
    if (!(repeats >= 0) || lengths.length + repeats >= MAX_SEGMENTS) throw unusable('has a timeline without an end')
    for (let i = 0; i <= repeats; i++, time += duration) {
      lengths.push({ ms: Number((duration * 1000n) / timescale), time })
    }
  }
  return lengths
}

const representations = (set: string) =>
  [...set.matchAll(/<Representation\s([^<>]*)>/g)]
    .slice(0, 64)
    .map(([, text = '']) => ['', attribute(text, 'id') ?? '', attribute(text, 'bandwidth') ?? ''] as const)

const attribute = (text: string, name: string): string | undefined =>
  new RegExp(`(?:^|\\s)${name}="([^"]{0,4096})"`).exec(text)?.[1]

function whole(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw unusable('has a number that is none')
  return BigInt(text)
}

/** "PT1H2M3.4S" in ms. */
function isoMs(text: string | undefined): number | undefined {
  const match = /^PT(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})(?:\.(\d{1,9}))?S)?$/.exec(text ?? '')
  if (!match) return undefined
  const [, hours = '0', minutes = '0', seconds = '0', fraction = ''] = match
  return (
    (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, '0').slice(0, 3))
  )
}

const unusable = (why: string): StreamError => new StreamError('upstream-failed', `the DASH manifest ${why}`)
