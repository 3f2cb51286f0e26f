import fc from 'fast-check'
import { expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { readMpd } from './dash.ts'
import { merge, type Part } from './delivered.ts'
import { MAX_PLAYLIST_BYTES, MAX_SEGMENTS, readPlaylist } from './hls.ts'
import { mp4DurationMs } from './mp4.ts'

const orRefuses = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    expect(error).toBeInstanceOf(StreamError)
    return undefined
  }
}

it('reads any text as an HLS playlist, or refuses it', () => {
  const line = fc.oneof(
    fc.constantFrom('#EXTM3U', '#EXTINF:2.0,', '#EXT-X-STREAM-INF:BANDWIDTH=1', '#EXT-X-MAP:URI="i.mp4"', 'a.ts', ''),
    fc.string({ maxLength: 40 }),
    fc.string({ maxLength: 20 }).map((rest) => `#EXTINF:${rest}`),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 50 }), fc.boolean(), (lines, begins) => {
      const read = orRefuses(() => readPlaylist([...(begins ? ['#EXTM3U'] : []), ...lines].join('\n')))
      if (read?.kind === 'media') for (const { ms } of read.segments) expect(ms >= 0 && ms <= 3_600_999).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

it('keeps the order and the length of every segment that a playlist names', () => {
  const segment = fc.record({ ms: fc.nat(60_000), uri: fc.stringMatching(/^[a-z0-9]{1,10}\.ts$/) })
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 50 }), (segments) => {
      const lines = segments.map(
        ({ ms, uri }) => `#EXTINF:${Math.floor(ms / 1000)}.${`${ms % 1000}`.padStart(3, '0')},\n${uri}`,
      )
      expect(readPlaylist(`#EXTM3U\n${lines.join('\n')}\n`)).toMatchObject({ kind: 'media', segments })
    }),
  )
})

it('refuses a huge playlist', () => {
  const text = `#EXTM3U\n${'#EXTINF:1,\na\n'.repeat(MAX_SEGMENTS + 1)}`
  expect(() => readPlaylist(text)).toThrow(/more than/)
})

/** Openings without an end, up to the largest text that is read: who looks for the end of each anew does not come back. */
it.each(['<MPD ', '<AdaptationSet ', '<SegmentTemplate ', '<Representation ', '<S ', '<S d="2" '])(
  'refuses a manifest of nothing but %j',
  (opening) => {
    const head = '<MPD mediaPresentationDuration="PT9S"><AdaptationSet ><SegmentTemplate timescale="1" media="a" >'
    for (const begun of ['<MPD ', head]) {
      const text = begun + opening.repeat(Math.floor((MAX_PLAYLIST_BYTES - begun.length) / opening.length))
      const read = orRefuses(() => readMpd(text))
      expect(read?.kind === 'media' ? read.segments : []).toEqual([])
    }
  },
)

it.each(['\n', '#EXTINF:1,\n', '#EXT-X-MAP:URI="', 'URI="', '#EXT-X-PART:DURATION=', '1', '\r'])(
  'reads or refuses a playlist of nothing but %j',
  (part) => {
    const read = orRefuses(() =>
      readPlaylist(`#EXTM3U\n${part.repeat(Math.floor(MAX_PLAYLIST_BYTES / part.length) - 8)}`),
    )
    expect(read?.kind === 'media' ? read.segments : []).toEqual([])
  },
)

it('refuses a playlist that is longer than any that is read', () => {
  const text = `#EXTM3U\n${'#'.repeat(MAX_PLAYLIST_BYTES)}`
  expect(() => readPlaylist(text)).toThrow(/larger than/)
  expect(() => readMpd(`<MPD >${text}`)).toThrow(/is none/)
})

it('reads any text as a DASH manifest, or refuses it', () => {
  const part = fc.constantFrom(
    ...[
      '<MPD ',
      'mediaPresentationDuration="PT20S"',
      '>',
      '<AdaptationSet ',
      '<SegmentTemplate ',
      'media="$Number$.m4s"',
    ],
    ...[
      'duration="2"',
      'timescale="1"',
      '<S d="2" r="9"/>',
      '<S d="1" r="-1"/>',
      'timescale="0"',
      '<Representation id="1">',
    ],
  )
  const text = fc.array(fc.oneof(part, fc.string({ maxLength: 10 })), { maxLength: 30 }).map((parts) => parts.join(' '))
  fc.assert(
    fc.property(text, (mpd) => void orRefuses(() => readMpd(mpd))),
    { numRuns: 2000 },
  )
})

it('reads a manifest with a template and a number', () => {
  const mpd = `<MPD mediaPresentationDuration="PT5S"><AdaptationSet contentType="video"><SegmentTemplate timescale="1000"
    duration="2000" initialization="$RepresentationID$/i.mp4" media="$RepresentationID$/$Number%03d$.m4s"/>
    <Representation id="v" bandwidth="1"></AdaptationSet></MPD>`
  expect(readMpd(mpd)).toEqual({
    kind: 'media',
    extras: ['v/i.mp4'],
    segments: [
      { uri: 'v/001.m4s', ms: 2000 },
      { uri: 'v/002.m4s', ms: 2000 },
      { uri: 'v/003.m4s', ms: 1000 },
    ],
  })
})

it('finds the duration in any bytes, or nothing, and ends', async () => {
  const word = fc.oneof(
    fc.constantFrom('moov', 'mvhd', 'free').map((text) => [...Buffer.from(text)]),
    fc.constantFrom([0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 8], [0, 0, 0, 64]),
    fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 40 }), async (words) => {
      const bytes = new Uint8Array(words.flat())
      const ms = await mp4DurationMs(async (at, length) => bytes.slice(at, at + length), bytes.length)
      expect(ms === undefined || (ms > 0 && Number.isSafeInteger(ms))).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

it('parts are joined to the same bytes as they were added', () => {
  const part = fc
    .tuple(fc.nat(200), fc.integer({ min: 1, max: 30 }))
    .map(([start, length]) => ({ start, end: start + length }))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (added) => {
      const parts = added.reduce<Part[]>(merge, [])
      const has = (list: readonly Part[], byte: number) => list.some(({ start, end }) => start <= byte && byte < end)
      for (let byte = 0; byte < 240; byte++) expect(has(parts, byte)).toBe(has(added, byte))
      for (let i = 1; i < parts.length; i++) expect(parts[i]!.start).toBeGreaterThan(parts[i - 1]!.end)
    }),
  )
})
