import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import type { RunOrder, RunResult, Tick } from './members/orders.ts'

const END_MS = 60_000

export interface Upstream {
  readonly url: string
  readonly pid: number
  close(): Promise<void>
}

/** The stand-in for models, and the film of a folder. */
export async function startUpstream(tokensPerSecond: number, folder: string | undefined): Promise<Upstream> {
  const path = fileURLToPath(new URL('./upstream.ts', import.meta.url))
  const child = fork(path, [JSON.stringify({ tokensPerSecond, folder })], { execArgv: [] })
  const message = once(child, 'message') as Promise<[{ ready: string }]>
  const [{ ready }] = await Promise.race([message, gone(child, 'the upstream')])
  return { url: ready, pid: child.pid!, close: () => end(child, () => child.disconnect()) }
}

/** What the gateway says at its end of the streams that it sold. Amounts in msat. */
export interface Sold {
  readonly streams: number
  readonly paid: bigint
  readonly delivered: bigint
}

export interface RunningGateway {
  readonly url: string
  readonly pid: number
  /** What went wrong, in its own words. */
  readonly trouble: readonly string[]
  close(): Promise<Sold>
}

type SellEvent = { readonly event: string } & Readonly<Record<string, unknown>>

/** `streampay sell --config`, as anybody starts it. */
export async function startGateway(home: string, config: GatewayConfigInput): Promise<RunningGateway> {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const file = join(home, 'crowd.json')
  writeFileSync(file, JSON.stringify(config))
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const args = [...GATEWAY_FLAGS, main, 'sell', '--config', file, '--json']
  const env = { ...process.env, STREAMPAY_HOME: home }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const trouble: string[] = []
  const selling = Promise.withResolvers<string>()
  let sold: Sold | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as SellEvent
    if (event.event === 'selling') selling.resolve(event.url as string)
    if (event.event === 'trouble' || event.event === 'error') trouble.push(`${event.code}: ${event.message}`)
    if (event.event === 'end') sold = sumOf(event.streams as SoldStream[])
  })
  const url = await Promise.race([selling.promise, gone(child, 'the gateway')])
  return {
    url,
    pid: child.pid!,
    trouble,
    async close() {
      await end(child, () => child.kill('SIGTERM'))
      if (!sold) throw new Error('the gateway ended without a word')
      return sold
    },
  }
}

/** For a look at it from outside: `CROWD_GATEWAY_FLAGS=--cpu-prof`. */
const GATEWAY_FLAGS = process.env.CROWD_GATEWAY_FLAGS?.split(' ') ?? []
const MEMBERS_FLAGS = process.env.CROWD_MEMBERS_FLAGS?.split(' ') ?? []

interface SoldStream {
  readonly paid: string
  readonly delivered: string
}

const sumOf = (streams: readonly SoldStream[]): Sold => ({
  streams: streams.length,
  paid: streams.reduce((sum, { paid }) => sum + BigInt(paid), 0n),
  delivered: streams.reduce((sum, { delivered }) => sum + BigInt(delivered), 0n),
})

/** Has the members do what they are told, in a process of their own. */
export async function runMembers(
  order: RunOrder,
  on: { readonly tick: (tick: Tick) => void; readonly measuring: (now: boolean, pid: number) => void },
): Promise<RunResult> {
  const path = fileURLToPath(new URL('./members/main.ts', import.meta.url))
  const child = fork(path, [], { execArgv: MEMBERS_FLAGS, serialization: 'advanced' })
  const result = Promise.withResolvers<RunResult>()
  child.on('message', (message: { tick?: Tick; measuring?: boolean; result?: RunResult }) => {
    if (message.tick) on.tick(message.tick)
    if (message.measuring !== undefined) on.measuring(message.measuring, child.pid!)
    if (message.result) result.resolve(message.result)
  })
  child.send(order)
  return Promise.race([result.promise, gone(child, 'the process of the members')])
}

function gone(child: ChildProcess, what: string): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`${what} ended (${signal ?? code})`)))
  })
  failed.catch(() => {})
  return failed
}

async function end(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  ask()
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await exit
  clearTimeout(timer)
}
