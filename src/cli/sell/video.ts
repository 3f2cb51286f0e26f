import { join } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { openVideo, type QualityPrices, sellVideo } from '../../gateway/video/open.ts'
import type { VideoSource } from '../../gateway/video/source.ts'
import { type Price, parsePrice } from '../../money/price.ts'
import type { Handler, WallOptions } from '../../seller/paywall.ts'
import type { Seller } from '../../seller/seller.ts'
import type { Output } from '../output/output.ts'
import { stateHome } from '../state.ts'

export interface Qualities {
  /** Of the picture, in lines; empty for the film's own. */
  readonly heights: readonly number[]
  readonly prices: QualityPrices
}

const MAX_QUALITIES = 8

/**
 * Reads qualities as `--qualities` takes them.
 * @throws StreamError `option-invalid`, `price-invalid`
 * @example readQualities('1080p=4 sat/s,480p')
 */
export function readQualities(text: string | undefined): Qualities {
  const parts = (text ?? '').split(',').filter((part) => part.trim() !== '')
  if (parts.length > MAX_QUALITIES) throw new StreamError('option-invalid', `more than ${MAX_QUALITIES} qualities`)
  const prices: Record<string, Price> = {}
  const heights = parts.map((part) => {
    const match = /^\s*(\d{2,4})p\s*(?:=\s*(.+))?$/.exec(part)
    if (!match || Number(match[1]) % 2 !== 0) {
      throw new StreamError('option-invalid', `"${part.trim()}" is not a quality such as 1080p or "480p=1 sat/s"`)
    }
    if (match[2]) prices[`${match[1]}p`] = parsePrice(match[2])
    return Number(match[1])
  })
  return { heights, prices }
}

/** Opens what plays, packaging it first where that is to be done. */
export async function openToPlay(
  target: string,
  { heights }: Qualities,
  signal: AbortSignal,
  output: Output,
): Promise<VideoSource> {
  const onProgress = (film: string, share: number) =>
    output.live([`  packaging  ${film}  ${Math.floor(share * 100)} %  (once: it is kept)`])
  const cache = join(stateHome(), 'video')
  try {
    return await openVideo(target, { cache, signal, onProgress, ...(heights.length > 0 && { heights }) })
  } finally {
    output.live([])
  }
}

export const sellToPlay = (
  seller: Seller,
  video: VideoSource,
  terms: Omit<WallOptions, 'price'> & { readonly price: Price },
  { prices }: Qualities,
): Handler => sellVideo(seller, video, terms, prices)
