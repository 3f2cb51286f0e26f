import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { commands, type Running, sleep } from '../../cli/command.ts'
import { Between } from './between.ts'

export const SCHEMES = ['l402', 'charge', 'session'] as const
export type Scheme = (typeof SCHEMES)[number]
/** Requests that an L402 token is good for. */
export const USES = 6
const EVENTS = 30
const MAIN = fileURLToPath(new URL('buyerMain.ts', import.meta.url))

/** How a purchase ended, as the buyer's process says it. */
export interface Bought {
  readonly scheme: Scheme
  readonly status?: number
  readonly code?: string
  readonly message?: string
}

/** A seller and a buyer in processes of their own, which can be killed and started again; and the service behind the seller. */
export class KillShop {
  readonly commands: ReturnType<typeof commands>
  readonly between: Between
  /** Requests that the service answered. */
  readonly served: Record<Scheme, number>
  readonly bought: Bought[] = []
  readonly #home: string
  readonly #end: () => void
  #seller: Running | undefined
  #buyer: ChildProcess | undefined

  private constructor(home: string, between: Between, served: Record<Scheme, number>, end: () => void) {
    this.#home = home
    this.commands = commands(home, {}, 120_000)
    this.between = between
    this.served = served
    this.#end = end
  }

  static async open(home: string): Promise<KillShop> {
    const served = { l402: 0, charge: 0, session: 0 }
    const service = createServer(async ({ method, url = '' }, response) => {
      const scheme = url.slice(1) as Scheme
      if (method !== 'HEAD') served[scheme]++
      if (scheme !== 'session') return response.end('sold')
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < EVENTS && !response.destroyed; i++) {
        response.write(`data: {"n":${i}}\n\n`)
        await sleep(3)
      }
      response.end('data: [DONE]\n\n')
    })
    await once(service.listen(0, '127.0.0.1'), 'listening')
    const upstream = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
    const route = (scheme: Scheme, price: string, allowance: string) => ({
      ...{ path: `/${scheme}`, upstream, price, schemes: [scheme], allowance },
    })
    const routes = [
      route('l402', '2 sat/request', `${2 * USES} sat`),
      route('charge', '2 sat/request', '2 sat'),
      route('session', '1 sat/token', '20 sat'),
    ]
    writeFileSync(join(home, 'shop.json'), JSON.stringify({ node: 'embedded', routes }))
    return new KillShop(home, await Between.open(), served, () => service.close())
  }

  /** `streampay sell`, on whatever port is free: buyers find it where `between` is. */
  openSeller(): void {
    const seller = this.commands.start('sell', '--config', join(this.#home, 'shop.json'), '--port', '0', '--json')
    this.#seller = seller
    void seller.event('selling').then(
      ({ url }) => this.#seller === seller && this.between.to(Number(new URL(url as string).port)),
      () => {},
    )
  }

  async killSeller(): Promise<void> {
    const seller = this.#seller
    this.#seller = undefined
    this.between.to(undefined)
    await seller?.kill()
  }

  /** In order, so that everything it knows is written. */
  async endSeller(): Promise<number | null> {
    this.#seller!.signal('SIGINT')
    return (await this.#seller!.end()).code
  }

  openBuyer(): void {
    const env = { ...process.env, STREAMPAY_HOME: join(this.#home, 'state') }
    const buyer = spawn(process.execPath, [MAIN, this.between.url, ...SCHEMES], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#buyer = buyer
    createInterface({ input: buyer.stdout }).on('line', (line) => this.bought.push(JSON.parse(line) as Bought))
  }

  killBuyer(): Promise<unknown> {
    return this.#endBuyer('SIGKILL')
  }

  /** Once what it is buying is there. */
  endBuyer(): Promise<unknown> {
    return this.#endBuyer('SIGTERM')
  }

  async #endBuyer(signal: NodeJS.Signals): Promise<void> {
    const buyer = this.#buyer
    this.#buyer = undefined
    if (!buyer || buyer.exitCode !== null || buyer.signalCode !== null) return
    const ended = once(buyer, 'close')
    buyer.kill(signal)
    await ended
  }

  async close(): Promise<void> {
    await Promise.all([this.killSeller(), this.killBuyer()])
    this.between.close()
    this.#end()
  }
}
