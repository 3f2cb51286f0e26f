import { type StdioServerHandle, StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import type { Files } from './fetch.ts'
import { createAgentServer } from './server.ts'
import type { AgentSession } from './session.ts'

/** A connection over stdin and stdout. */
export interface Connection extends StdioServerHandle {
  /** Resolves when the host has left, or sent what cannot be read. */
  readonly left: Promise<void>
}

class WatchedTransport extends StdioServerTransport {
  readonly #left = Promise.withResolvers<void>()

  get left(): Promise<void> {
    return this.#left.promise
  }

  override async close(): Promise<void> {
    await super.close()
    this.#left.resolve()
  }
}

/** Serves an agent's host. What is wrong with its messages goes to stderr: stdout is the protocol's alone. */
export function serveAgent(session: AgentSession, files: Files, version: string): Connection {
  const transport = new WatchedTransport()
  const { close } = serveStdio(() => createAgentServer(session, files, version), {
    transport,
    onerror: ({ message }) => void process.stderr.write(`mcp: ${message.replace(/\p{Cc}+/gu, ' ').slice(0, 500)}\n`),
  })
  return { close, left: transport.left }
}
