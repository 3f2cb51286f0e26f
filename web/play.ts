import { askConsent, defineMeter, hlsConfig, Purse, StoredJournal, type StreamMeter } from '../src/browser/index.ts'

/** The player page: a video from the gateway, paid while it plays. */
const { src = '' } = document.querySelector('main')!.dataset
const video = document.querySelector('video')!
const start = document.querySelector<HTMLButtonElement>('.start')!
const meter = document.querySelector<StreamMeter>('stream-meter')!
const problem = document.querySelector<HTMLElement>('#problem')!

const purse = new Purse({ consent: askConsent, journal: new StoredJournal(localStorage) })
defineMeter()
meter.purse = purse

let hls: { destroy(): void } | undefined

start.addEventListener('click', () => void play())
let paused = false
purse.addEventListener('change', () => {
  if (purse.state === 'paused') video.pause()
  // Who goes on paying wants to see it.
  if (paused && purse.state === 'open' && !video.ended) void video.play().catch(() => {})
  paused = purse.state === 'paused'
  if (purse.state === 'idle' || purse.state === 'stopped') reset()
})
// Who presses play again in the video itself goes on paying too.
video.addEventListener('play', () => purse.resume())
video.addEventListener('pause', () => {
  if (!video.ended) purse.pause()
})

async function play(): Promise<void> {
  start.hidden = true
  video.controls = true
  problem.textContent = ''
  purse.start()
  try {
    const { default: Hls } = await import('hls.js/light')
    if (!Hls.isSupported()) throw new Error('This browser cannot play streams that are paid for.')
    // What hls.js declares of a loader is wider than what it asks of one.
    const player = new Hls(hlsConfig(purse) as unknown as Partial<typeof Hls.DefaultConfig>)
    hls = player
    player.on(Hls.Events.ERROR, (_, { fatal, details }) => {
      if (fatal && purse.state !== 'stopped') problem.textContent = `The video cannot go on (${details}).`
    })
    player.on(Hls.Events.MANIFEST_PARSED, () => void video.play().catch(() => {}))
    player.loadSource(new URL(src, location.href).href)
    player.attachMedia(video)
  } catch (error) {
    problem.textContent = error instanceof Error ? error.message : `${error}`
    reset()
  }
}

function reset(): void {
  hls?.destroy()
  hls = undefined
  start.hidden = false
  video.controls = false
}

declare global {
  interface Window {
    /** For tests and the curious: how the purse of this page stands. */
    purse: Purse
  }
}
window.purse = purse
