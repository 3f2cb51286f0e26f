import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { StreamError } from '../../errors/error.ts'

/** How a film is packaged. */
export interface Plan {
  readonly input: string
  readonly folder: string
  /** Heights of the picture, the best first. Never above the film's own. */
  readonly heights: readonly number[]
  readonly hasSound: boolean
}

/** Short, so that a seek or a stop costs little; long enough that a payment a segment is few. */
const SEGMENT_SECONDS = 2

/** About 5 Mbit/s at 1080 lines. */
const bitRate = (height: number): string => `${Math.round((height * height * 43) / 10_000) + 100}k`

/**
 * Arguments for `ffmpeg`: HLS with fragmented MP4, keyframes at the same instants in every quality. Each quality lies in a folder of its
 * own, such as `720p`, and `index.m3u8` names them all.
 */
export function packageArguments({ input, folder, heights, hasSound }: Plan): string[] {
  const streams = heights.flatMap((height, i) => [
    ...['-map', '0:v:0', ...(hasSound ? ['-map', '0:a:0'] : [])],
    ...[`-filter:v:${i}`, `scale=-2:${height}`],
    // Quality decides, up to this: the master playlist leaves out a stream whose bit rate it does not know.
    ...[
      `-b:v:${i}`,
      bitRate(height),
      `-maxrate:v:${i}`,
      bitRate(height),
      `-bufsize:v:${i}`,
      `${2 * Number.parseInt(bitRate(height), 10)}k`,
    ],
  ])
  const video = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p', '-sc_threshold', '0']
  const keyframes = ['-force_key_frames', `expr:gte(t,n_forced*${SEGMENT_SECONDS})`]
  const sound = hasSound ? ['-c:a', 'aac', '-b:a', '128k', '-ac', '2'] : []
  const variants = heights.map((height, i) => `v:${i}${hasSound ? `,a:${i}` : ''},name:${height}p`)
  return [
    // A film is one file: a playlist in its place must not make ffmpeg open others.
    ...['-hide_banner', '-nostdin', '-v', 'error', '-nostats', '-progress', 'pipe:1', '-y'],
    ...['-protocol_whitelist', 'file', '-i', input],
    ...[...streams, ...video, ...keyframes, ...sound],
    ...['-f', 'hls', '-hls_time', `${SEGMENT_SECONDS}`, '-hls_playlist_type', 'vod', '-hls_segment_type', 'fmp4'],
    ...['-hls_flags', 'independent_segments', '-hls_fmp4_init_filename', 'init.mp4'],
    ...['-hls_segment_filename', `${folder}/%v/%05d.m4s`, '-master_pl_name', 'index.m3u8'],
    ...['-var_stream_map', variants.join(' '), `${folder}/%v/index.m3u8`],
  ]
}

/** A still picture from the film's beginning. */
export const posterArguments = (input: string, folder: string, atSeconds: number): string[] => [
  ...['-hide_banner', '-nostdin', '-v', 'error', '-y', '-protocol_whitelist', 'file'],
  ...['-ss', `${atSeconds}`, '-i', input, '-frames:v', '1', '-vf', 'scale=-2:min(720\\,ih)', `${folder}/poster.jpg`],
]

export interface Film {
  readonly ms: number
  readonly height: number
  readonly hasSound: boolean
}

let found: boolean | undefined
/** Whether `ffmpeg` and `ffprobe` are on this machine. */
export function hasFfmpeg(): boolean {
  found ??= ['ffmpeg', 'ffprobe'].every((name) => spawnSync(name, ['-version'], { stdio: 'ignore' }).status === 0)
  return found
}

/** @throws StreamError `option-invalid` for a file that is no film */
export async function probe(input: string, signal?: AbortSignal): Promise<Film> {
  const lines: string[] = []
  const entries = 'format=duration:stream=codec_type,height'
  const args = ['-v', 'error', '-protocol_whitelist', 'file', '-show_entries', entries, '-of', 'json', input]
  await run('ffprobe', args, { signal, onLine: (line) => lines.length < 10_000 && lines.push(line) })
  const { streams = [], format = {} } = JSON.parse(lines.join('\n')) as {
    streams?: Array<{ codec_type?: string; height?: number }>
    format?: { duration?: string }
  }
  const height = streams.find(({ codec_type }) => codec_type === 'video')?.height
  const ms = Math.floor(Number(format.duration ?? 0) * 1000)
  if (!height || !(ms > 0)) throw new StreamError('option-invalid', 'it has no moving picture of a known length')
  return { ms, height, hasSound: streams.some(({ codec_type }) => codec_type === 'audio') }
}

const KILL_AFTER_MS = 5000
const MAX_COMPLAINT = 2000

/**
 * Runs one of ffmpeg's programs to its end. When the signal aborts it is asked to end, and killed if it does not.
 * @throws StreamError `option-invalid` with the first of what it complained about, or the signal's reason
 */
export function run(
  program: 'ffmpeg' | 'ffprobe',
  args: readonly string[],
  options: { readonly signal?: AbortSignal | undefined; readonly onLine?: (line: string) => void },
): Promise<void> {
  const { signal, onLine } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let complaint = ''
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = () => {
      child.kill('SIGTERM')
      timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    }
    signal?.addEventListener('abort', stop, { once: true })
    createInterface({ input: child.stdout }).on('line', (line) => onLine?.(line))
    child.stderr.on('data', (data: Buffer) => {
      if (complaint.length < MAX_COMPLAINT) complaint += data
    })
    child.once('error', (error) =>
      reject(new StreamError('option-invalid', `cannot run ${program}: ${error.message}`, {}, error)),
    )
    child.once('close', (code) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(signal.reason)
      else if (code === 0) resolve()
      else reject(new StreamError('option-invalid', `${program} failed: ${lastLine(complaint) || `code ${code}`}`))
    })
  })
}

/** What it says last is why it gave up; without the file's name, which whoever tells it knows. */
const lastLine = (complaint: string): string =>
  (complaint.trim().split('\n').at(-1) ?? '')
    .replace(/^.*: (?=[A-Z])/, '')
    .replace(/\p{Cc}/gu, '?')
    .slice(0, 300)
