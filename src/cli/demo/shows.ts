import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WebHandler } from '../../seller/adapters/node.ts'
import { type PaidHandler, wall } from '../../seller/paywall.ts'
import type { Seller } from '../../seller/seller.ts'
import { serveFolder } from '../../seller/sources/folder.ts'
import { liveStream } from './live.ts'

/** A stream of the demo: what is sold, for how much, and what each side risks. */
export interface Show {
  readonly title: string
  readonly path: string
  readonly price: string
  readonly credit: string
  readonly ahead: string
  readonly handler: PaidHandler
  /** A player reads no faster than this; without it, all that comes is taken. */
  readonly bytesPerSecond?: number
}

const FILE_BYTES = 40 << 20
const PLAYED_PER_SECOND = 4 << 20
const LIVE_SECONDS = 10

export function prepareShows(folder: string): readonly Show[] {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'film.bin'), randomBytes(FILE_BYTES))
  return [
    {
      title: 'a folder, by the byte',
      path: '/film.bin',
      price: '1 sat/MiB',
      credit: '2 sat',
      ahead: '4 sat',
      handler: serveFolder(folder),
      bytesPerSecond: PLAYED_PER_SECOND,
    },
    {
      title: 'a live computation, by time',
      path: '/live',
      price: '10 sat/s',
      credit: '2 sat',
      ahead: '8 sat',
      handler: liveStream(LIVE_SECONDS),
    },
  ]
}

/** Each show behind a wall of its own, on one server. */
export function stage(seller: Seller, shows: readonly Show[]): WebHandler {
  const walls = new Map(
    shows.map(({ path, price, credit, handler }) => [path, wall(seller, { price, credit, scope: path })(handler)]),
  )
  return (request) => walls.get(new URL(request.url).pathname)?.(request) ?? new Response('not here', { status: 404 })
}
