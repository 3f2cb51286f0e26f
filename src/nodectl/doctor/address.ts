import { connect } from 'node:net'
import { type Judgement, ok, problem } from './finding.ts'

const CONNECT_MS = 5_000

export interface Reached {
  readonly socket: string
  /** Why nothing answered; absent: something did. */
  readonly refused?: string
}

/** Whether anything accepts a connection on `host:port`. */
export function reach(socket: string): Promise<Reached> {
  const { host, port } = hostPort(socket)
  return new Promise((resolve) => {
    const wire = connect({ host, port, timeout: CONNECT_MS })
    const end = (refused?: string) => {
      wire.destroy()
      resolve({ socket, ...(refused !== undefined && { refused }) })
    }
    wire.once('connect', () => end())
    wire.once('timeout', () => end(`no answer within ${CONNECT_MS / 1000} s`))
    wire.once('error', (error: NodeJS.ErrnoException) => end(WORDS[error.code ?? ''] ?? error.code ?? error.message))
  })
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no program listens there',
  ENOTFOUND: 'no machine has this name',
  EHOSTUNREACH: 'there is no way to that machine',
}

/** @param start what starts it, as a command or in words */
export function judgeReach({ socket, refused }: Reached, start: string): Judgement {
  if (refused === undefined) return ok(`a program listens on ${socket}`)
  return problem('node-unreachable', `nothing answers on ${socket}: ${refused}`, `Start it: ${start}.`)
}

/** `host:port` or `[::1]:port`, apart. */
export function hostPort(socket: string): { readonly host: string; readonly port: number } {
  const at = socket.lastIndexOf(':')
  return { host: socket.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(socket.slice(at + 1)) }
}
