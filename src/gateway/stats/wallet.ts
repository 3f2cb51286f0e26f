import { toStreamError } from '../../errors/error.ts'
import type { NodeInfo } from '../../lightning/node.ts'
import { shortSat } from '../../nodectl/channels/liquidity.ts'
import { sellersOf, type Watched } from '../watched.ts'

/** How a node that is paid stands, for a person. */
export interface NodeView {
  readonly kind: string
  readonly network: string
  readonly alias: string
  readonly publicKey: string
  readonly up: boolean
  /** msat; what channels can move now. Estimates. */
  readonly canReceive: bigint
  readonly canSend: bigint
  readonly words: readonly string[]
}

const LOOK_MS = 10_000
/** Less than this may stop the next buyer. */
const LOW = 100_000_000n

/** Asks the nodes behind the sellers how they are, every ten seconds. */
export class Wallets {
  readonly #gateway: Watched
  #views: readonly NodeView[] = []
  readonly #last = new Map<object, NodeInfo>()
  readonly #timer: ReturnType<typeof setInterval>

  constructor(gateway: Watched) {
    this.#gateway = gateway
    this.#timer = setInterval(() => void this.look(), LOOK_MS)
    this.#timer.unref()
    void this.look()
  }

  get views(): readonly NodeView[] {
    return this.#views
  }

  async look(): Promise<void> {
    this.#views = await Promise.all(sellersOf(this.#gateway).map((seller) => this.#view(seller)))
  }

  async #view(seller: ReturnType<typeof sellersOf>[number]): Promise<NodeView> {
    try {
      const { node } = await seller.ready()
      const info = await node.info()
      this.#last.set(seller, info)
      return viewOf(info)
    } catch (error) {
      const known = this.#last.get(seller)
      const words = [`The node does not answer: ${toStreamError(error).message}`]
      if (known) return { ...viewOf(known), up: false, words }
      const nothing = { kind: '', network: '', alias: '', publicKey: '', canReceive: 0n, canSend: 0n }
      return { ...nothing, up: false, words }
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** A node in words. @example viewOf(info).words[0] === 'You can receive 7.9M sat.' */
export function viewOf({ kind, network, alias, publicKey, canReceive, canSend }: NodeInfo): NodeView {
  return {
    kind,
    network,
    alias,
    publicKey,
    up: true,
    canReceive,
    canSend,
    words: [receives(kind, canReceive), sends(canSend)],
  }
}

function receives(kind: string, canReceive: bigint): string {
  if (kind === 'embedded' && canReceive === 0n)
    return 'No buyer is connected: on this private chain each brings a channel of its own.'
  if (kind === 'nwc') return 'What this wallet can receive it does not tell.'
  if (canReceive === 0n) return 'Nobody can pay you: you need a channel with money on the other side.'
  const low = canReceive < LOW ? ' That is little: buyers are refused when it is used up.' : ''
  return `You can receive ${shortSat(canReceive)}.${low}`
}

const sends = (canSend: bigint): string =>
  canSend === 0n
    ? 'You cannot send: returns to buyers will wait until you were paid.'
    : `You can send ${shortSat(canSend)}, enough for returns of as much.`
