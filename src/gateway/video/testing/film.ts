import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Makes a film of ffmpeg's test sources: a moving pattern and a tone. */
export function makeFilm(folder: string, { seconds = 20, name = 'film.mp4', sound = true } = {}): string {
  const path = join(folder, name)
  const picture = ['-f', 'lavfi', '-i', `testsrc=duration=${seconds}:size=320x240:rate=25`]
  const tone = sound ? ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`] : []
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest']
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...picture, ...tone, ...codecs, path])
  return path
}
