import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SellerLimits } from '../src/seller/limits.ts'

/** What a seller process is to sell. It runs apart, as sellers do, so that the two sides share no event loop. */
export interface ShopOrder {
  /** `embedded:HOME` or a node spec such as `lnd:DIR@HOST:PORT`. */
  readonly node: string
  readonly price: string
  readonly credit?: string
  readonly source: SourceOrder
  readonly ledger?: string
  readonly maxUnpaidAgreements?: number
  readonly limits?: Partial<SellerLimits>
}

export type SourceOrder =
  /** So many bytes, as fast as they are taken. */
  | { readonly kind: 'bytes'; readonly bytes: number }
  /** A line every so many ms, for so many seconds. */
  | { readonly kind: 'ticks'; readonly everyMs: number; readonly seconds: number }
  /** Events of one token each; without `everyMs` as fast as they are taken. */
  | { readonly kind: 'tokens'; readonly count: number; readonly everyMs?: number }
  | { readonly kind: 'hello' }

/** What an account shows at the seller. Amounts in msat. */
export interface ShopAccount {
  readonly agreement: string
  readonly deliveredSteps: string
  readonly paid: string
  readonly maxUnpaid: string
  readonly stallMs: number
  readonly halted: number
}

export interface Shop {
  /** The paywall. */
  readonly url: string
  /** The same handler on the same kind of server, without it. */
  readonly freeUrl: string
  readonly publicKey: string
  accounts(): Promise<readonly ShopAccount[]>
  /** Calls that the seller's node was asked to make, and bytes of resident memory after a collection. */
  stats(): Promise<{ readonly nodeCalls: number; readonly rss: number }>
  close(): Promise<void>
}

/** Starts a seller in a process of its own. */
export async function openShop(order: ShopOrder): Promise<Shop> {
  const child = fork(fileURLToPath(new URL('./shopProcess.ts', import.meta.url)), [JSON.stringify(order)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map<string, (value: unknown) => void>()
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the seller's process ended with ${code}`)))
  })
  failed.catch(() => {})
  child.on('message', ({ type, value }: { type: string; value: unknown }) => waiting.get(type)?.(value))
  const answer = <T>(type: string): Promise<T> =>
    Promise.race([new Promise<T>((resolve) => waiting.set(type, resolve as (value: unknown) => void)), failed])
  const ask = <T>(type: string): Promise<T> => {
    const answered = answer<T>(type)
    child.send(type)
    return answered
  }
  const ready = await answer<Pick<Shop, 'url' | 'freeUrl' | 'publicKey'>>('ready')
  return {
    ...ready,
    accounts: () => ask('accounts'),
    stats: () => ask('stats'),
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.send('close')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    },
  }
}
