import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Settlement } from '../../node.ts'
import type { EmbeddedNode } from '../index.ts'
import { Caller, type Response } from '../rpc.ts'

type Message = Response | { readonly ready: true } | { readonly settlement: Settlement } | { readonly log: string }

/** An embedded node in a process of its own, which can be killed. */
export interface RemoteNode {
  readonly node: Pick<EmbeddedNode, (typeof METHODS)[number]>
  /** What its process has told so far, starting at the first of the node's life. */
  readonly settlements: readonly Settlement[]
  readonly logs: readonly string[]
  /** SIGKILL. Resolves when the process is gone; calls that were not answered never are. */
  kill(): Promise<void>
  /** SIGSTOP: the process holds its connections and does nothing. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
}

const METHODS = [
  'info',
  'createInvoices',
  'pay',
  'lookupPayment',
  'lookupInvoice',
  'channels',
  'openChannelTo',
  'close',
] as const

export async function startRemoteNode(home: string, name: string): Promise<RemoteNode> {
  const path = fileURLToPath(new URL('./child.ts', import.meta.url))
  const child = fork(path, [home, name], { execArgv: [], serialization: 'advanced' })
  const caller = new Caller()
  const settlements: Settlement[] = []
  const logs: string[] = []
  const port = { postMessage: (message: unknown) => child.connected && child.send(message as object) }
  const ready = Promise.withResolvers<void>()
  child.on('message', (message: Message) => {
    if ('ready' in message) ready.resolve()
    else if ('settlement' in message) settlements.push(message.settlement)
    else if ('log' in message) logs.push(message.log)
    else caller.settle(message)
  })
  child.on('exit', () => ready.reject(new Error(`${name} ended before it was ready: ${logs.join('; ')}`)))
  await ready.promise
  const call = (method: string) => [method, (...args: unknown[]) => caller.call(port, method, args)]
  return {
    node: Object.fromEntries(METHODS.map(call)) as RemoteNode['node'],
    settlements,
    logs,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  }
}
