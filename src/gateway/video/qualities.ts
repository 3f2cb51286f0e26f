import { StreamError } from '../../errors/error.ts'
import { parsePrice } from '../../money/price.ts'
import { checkPrice, inMsat, readDecimal } from '../rates/fiat.ts'
import { PLAY_SECOND, playPrice } from './playing.ts'

/** A quality that a film is packaged in. */
export interface Quality {
  /** Of the picture, in lines; even. */
  readonly height: number
  /** Of its own, by playing time; otherwise it costs what the route does. */
  readonly price?: string
}

const MAX_QUALITIES = 8
/** What a list of qualities looks like, for messages. */
export const QUALITIES = 'a list of even heights, some with a price for playing time, such as "1080p=4 sat/s,480p"'

/** The name of a quality: also that of the folder in which a packaged film has it. */
export const qualityName = ({ height }: Pick<Quality, 'height'>): string => `${height}p`

/**
 * Reads qualities, the best first.
 * @throws StreamError `option-invalid`, `price-invalid`
 * @example readQualities('1080p=4 sat/s,480p') // [{ height: 1080, price: '4 sat/s' }, { height: 480 }]
 */
export function readQualities(text: string): Quality[] {
  const qualities = text.split(',').map(readQuality)
  if (qualities.length > MAX_QUALITIES) throw new StreamError('option-invalid', `more than ${MAX_QUALITIES} qualities`)
  if (new Set(qualities.map(qualityName)).size < qualities.length) {
    throw new StreamError('option-invalid', `a quality is named twice in "${text.slice(0, 100)}"`)
  }
  return qualities.sort((a, b) => b.height - a.height)
}

function readQuality(part: string): Quality {
  const match = /^\s*([1-9]\d{1,3})p\s*(?:=\s*(\S.{0,100}?)\s*)?$/.exec(part)
  const [, lines, price] = match ?? []
  if (lines === undefined || Number(lines) % 2 !== 0) {
    throw new StreamError(
      'option-invalid',
      `"${part.trim().slice(0, 60)}" is not a quality such as 1080p or "480p=1 sat/s"`,
    )
  }
  if (price === undefined) return { height: Number(lines) }
  checkPrice(price)
  // At any rate: what is looked at is the unit.
  if (playPrice(parsePrice(inMsat(price, ANY_RATE))).unit !== PLAY_SECOND) {
    throw new StreamError('price-invalid', `"${price}" is no price for playing time, such as "4 sat/s"`)
  }
  return { height: Number(lines), price }
}

const ANY_RATE = readDecimal('1')!
