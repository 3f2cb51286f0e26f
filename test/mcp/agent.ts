import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CallToolResult, Client, InMemoryTransport, type Progress } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { McpServer } from '@modelcontextprotocol/server'
import { afterEach, expect } from 'vitest'

/** Where the command begins. */
export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** Ends a test that would hang; no test is about time. */
const PATIENCE_MS = 60_000

const open: Agent[] = []
afterEach(async () => {
  for (const agent of open.splice(0)) await agent.close()
})

/** An answer as tests look at it. */
export interface Told {
  readonly isError: boolean
  /** Structured content, or the error. */
  readonly said: Record<string, unknown>
  readonly texts: readonly string[]
}

/** An agent's host with the server of `streampay mcp`. */
export class Agent {
  readonly client: Client
  readonly #process: StdioClientTransport | undefined
  stderr = ''

  private constructor(client: Client, process?: StdioClientTransport) {
    this.client = client
    this.#process = process
    open.push(this)
  }

  /** With a server in this process. */
  static async of(server: McpServer): Promise<Agent> {
    const [near, far] = InMemoryTransport.createLinkedPair()
    await server.connect(far)
    const agent = new Agent(new Client({ name: 'test', version: '1.0.0' }))
    await agent.client.connect(near)
    return agent
  }

  /** With a server in a process of its own, over stdio. @param home as of `commands` */
  static async start(home: string, args: readonly string[] = [], modern = true): Promise<Agent> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [MAIN, 'mcp', ...args],
      env: { PATH: process.env.PATH ?? '', STREAMPAY_HOME: join(home, 'state') },
      stderr: 'pipe',
    })
    const client = new Client(
      { name: 'test', version: '1.0.0' },
      modern ? { versionNegotiation: { mode: 'auto' } } : {},
    )
    const agent = new Agent(client, transport)
    transport.stderr?.on('data', (chunk: Buffer) => {
      agent.stderr += chunk
    })
    await client.connect(transport)
    return agent
  }

  get pid(): number {
    return this.#process!.pid!
  }

  async call(
    name: string,
    args: object = {},
    options: { signal?: AbortSignal; onprogress?: (now: Progress) => void } = {},
  ): Promise<Told> {
    const result: CallToolResult = await this.client.callTool(
      { name, arguments: { ...args } },
      { timeout: PATIENCE_MS, ...options },
    )
    const texts = result.content.flatMap((part) => (part.type === 'text' ? [part.text] : []))
    const isError = result.isError === true
    const said = isError ? (result._meta?.['streampay/error'] as Record<string, unknown>) : result.structuredContent
    return { isError, said: (said ?? {}) as Record<string, unknown>, texts }
  }

  /** As `call`, for what must go well. */
  async done(name: string, args: object = {}, options = {}): Promise<Told['said']> {
    const { isError, said, texts } = await this.call(name, args, options)
    expect(isError, texts.join('\n')).toBe(false)
    return said
  }

  /** As `call`, for what must not. */
  async refused(name: string, args: object = {}): Promise<Told['said']> {
    const { isError, said, texts } = await this.call(name, args)
    expect(isError, texts.join('\n')).toBe(true)
    return said
  }

  /** What is left of the budget. */
  async budget(): Promise<{ max: bigint; spent: bigint; left: bigint }> {
    const { budget } = (await this.done('spending')) as { budget: Record<'max' | 'spent' | 'left', string> }
    return { max: BigInt(budget.max), spent: BigInt(budget.spent), left: BigInt(budget.left) }
  }

  async close(): Promise<void> {
    await this.client.close()
  }
}
