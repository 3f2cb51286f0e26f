import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'
import { readPlaylist } from '../../src/gateway/video/hls.ts'
import { makeFilm } from '../../src/gateway/video/testing/film.ts'
import { amount, commands, expectKept, tempFolder } from './command.ts'

const home = tempFolder()
const { start, run, sell } = commands(home)

/** The segments that a playlist names, by their URL. */
async function segments(url: string): Promise<string[]> {
  const playlist = readPlaylist(await (await fetch(url)).text())
  if (playlist.kind !== 'media') throw new Error('not a media playlist')
  return playlist.segments.map(({ uri }) => new URL(uri, url).href)
}
const packaged = (): string[] => {
  const folder = join(home, 'state', 'video')
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.lock')) : []
}

/* Without ffmpeg there is neither a film nor a packager: these tests are skipped. */
describe.skipIf(!hasFfmpeg())('a film from the command line (needs ffmpeg)', () => {
  let film: string
  let long: string
  beforeAll(() => {
    film = makeFilm(home, { seconds: 6 })
    long = makeFilm(home, { seconds: 600, name: 'long.mp4', sound: false })
  })

  test('is sold by playing time, each quality at its own price, and says where it can be watched', async () => {
    const { seller, url } = await sell(film, '2 sat/s', '--qualities', '240p=3 sat/s, 120p, 1080p=9 sat/s')
    const { urls } = await seller.event('watchable')
    expect(urls).toEqual([`${url}/index.m3u8`])
    expect((await fetch(url)).url).toBe(`${url}/index.m3u8`)
    const master = await (await fetch(`${url}/index.m3u8`)).text()
    expect(readPlaylist(master)).toMatchObject({ variants: ['240p/index.m3u8', '120p/index.m3u8'] })
    const [dear, cheap] = [await segments(`${url}/240p/index.m3u8`), await segments(`${url}/120p/index.m3u8`)]
    expect((await run('price', dear[0]!, '--json')).last).toMatchObject({ price: '3 sat/play-second' })
    expect((await run('price', cheap[0]!, '--json')).last).toMatchObject({ price: '2 sat/play-second' })
    const playlist = await run('get', `${url}/index.m3u8`, '--json')
    expect(playlist.last).toMatchObject({ ok: true, paid: '0' })
    const [one, other] = [
      await run('get', dear[0]!, '--json', '--keep', '-o', join(home, 'one')),
      await run('get', cheap[0]!, '--json', '-o', join(home, 'other')),
    ]
    for (const { last } of [one, other]) expectKept(last)
    expect([amount(one.last.delivered), amount(other.last.delivered)]).toEqual([6000n, 4000n])
    expect(statSync(join(home, 'one')).size).toBeGreaterThan(1000)
    // The dear one's agreement was left open: it goes on, and is no key to the cheap quality.
    const more = await run('get', dear[1]!, '--json', '-o', join(home, 'one'))
    expect(more.last).toMatchObject({ agreement: one.last.agreement, delivered: '12000' })
    expect(other.last.agreement).not.toBe(one.last.agreement)
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(0)
  })

  test('qualities of a configuration change their price while it sells; the film is packaged once', async () => {
    const file = join(home, 'film.yaml')
    const write = (qualities: string) =>
      writeFileSync(
        file,
        `listen: { port: 0 }\nroutes:\n  - { name: film, path: /f/**, video: ${film}, price: 2 sat/s, qualities: "${qualities}" }\n`,
      )
    write('240p=3 sat/s,120p')
    const seller = start('sell', '--config', file, '--json')
    const selling = await seller.event('selling')
    expect(selling).toMatchObject({ routes: [{ name: 'film', price: expect.stringContaining('240p 3 sat/s') }] })
    const { urls } = await seller.event('watchable')
    expect(urls).toEqual([`${selling.url}/f/index.m3u8`])
    const [dear] = await segments(`${selling.url}/f/240p/index.m3u8`)
    const kept = await run('get', dear!, '--json', '--keep', '-o', join(home, 'one'))
    expect(amount(kept.last.delivered)).toBe(6000n)
    write('240p=5 sat/s,120p=1 sat/s')
    await seller.event('reloaded')
    expect((await run('price', dear!, '--json')).last).toMatchObject({ price: '5 sat/play-second' })
    const [cheap] = await segments(`${selling.url}/f/120p/index.m3u8`)
    expect((await run('price', cheap!, '--json')).last).toMatchObject({ price: '1 sat/play-second' })
    expect(seller.events.filter(({ event }) => event === 'packaging').length).toBeLessThanOrEqual(1)
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(0)
  })

  test('of a folder what is no film is left out, and told', async () => {
    const films = join(home, 'films')
    mkdirSync(films)
    makeFilm(films, { seconds: 3, name: "it's a #1 50% film, ü.mp4" })
    writeFileSync(join(films, 'broken.mkv'), 'no film')
    const { seller, url } = await sell(films, '2 sat/s')
    const trouble = await seller.event('trouble')
    expect(trouble.message).toMatch(/^broken\.mkv cannot be sold as a film/)
    const { urls } = await seller.event('watchable')
    expect(urls).toHaveLength(1)
    const [playlist] = urls as string[]
    expect((await fetch(playlist!.replace(/\/index.m3u8$/, ''))).url).toBe(playlist)
    const [first] = await segments(playlist!.replace('index.m3u8', '240p/index.m3u8'))
    const bought = await run('get', first!, '--json', '-o', join(home, 'one'))
    expect(bought.last).toMatchObject({ ok: true, delivered: '4000' })
    expect(await (await fetch(url)).json()).toEqual({ films: ["it's a #1 50% film, ü.mp4"] })
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(0)
  })

  test('one that is none ends the command', async () => {
    const broken = join(home, 'broken.mp4')
    writeFileSync(broken, 'no film')
    const { code, stderr } = await run('sell', broken, '--price', '2 sat/s', '--port', '0')
    expect(code).toBe(2)
    expect(stderr).toContain('broken.mp4 cannot be sold as a film')
    const qualities = await run('sell', home, '--price', '1 sat/MiB', '--qualities', '480p')
    expect(qualities.stderr).toContain('--qualities is for a film')
  })

  test.each(['a film', 'a configuration'])('Ctrl-C while %s is packaged leaves nothing half-done', async (what) => {
    const file = join(home, 'long.yaml')
    writeFileSync(file, `listen: { port: 0 }\nroutes:\n  - { video: ${long}, price: 2 sat/s }\n`)
    const before = packaged()
    const target = what === 'a film' ? [long, '--price', '2 sat/s', '--port', '0'] : ['--config', file]
    const seller = start('sell', ...target, '--json')
    if (what !== 'a film') {
      const { url } = await seller.event('selling')
      expect((await fetch(`${url}/index.m3u8`)).status).toBe(503)
    }
    await seller.event('packaging')
    expect(packaged().filter((name) => name.endsWith('.part'))).toHaveLength(1)
    seller.signal('SIGINT')
    expect((await seller.end()).code).toBe(what === 'a film' ? 130 : 0)
    expect(packaged()).toEqual(before)
  })
})
