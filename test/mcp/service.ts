import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'

const TOOLS: Readonly<Record<string, (text: string) => string>> = {
  count: (text) => `${text.length}`,
  shout: (text) => text.toUpperCase(),
  whisper: (text) => text.toLowerCase(),
}

/** A service that knows nothing of payments: three tools over Streamable HTTP. */
export function serveTools(): Promise<RunningServer> {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'words', version: '1.0.0' })
    for (const [name, work] of Object.entries(TOOLS)) {
      server.registerTool(name, { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
        content: [{ type: 'text', text: work(text) }],
      }))
    }
    return server
  })
  return serve((request) => handler.fetch(request), { port: 0 })
}
