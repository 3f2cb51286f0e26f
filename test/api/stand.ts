import { afterEach, expect } from 'vitest'
import type { Caller, CallerBook, KeptCaller } from '../../src/api/caller.ts'
import { LocalEvents } from '../../src/api/events.ts'
import { type InvoiceOwners, openInvoiceOwners } from '../../src/api/invoiceOwners.ts'
import { createLocalApi, type LocalApi } from '../../src/api/localApi.ts'
import type { LocalApiParts } from '../../src/api/parts.ts'
import { StreamError } from '../../src/errors/error.ts'
import { type Journal, openJournal } from '../../src/ledger/index.ts'
import type { CallerLimits } from '../../src/ledger/limits.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { Checked, type Document } from './checked.ts'

export const BASE = '/.streampay/v1'

/** Callers in memory, as a process that mounts the API keeps them in a file. */
export class Book implements CallerBook {
  readonly #kept = new Map<string, { readonly kept: KeptCaller; readonly token: string }>()

  list = () => [...this.#kept.values()].map(({ kept }) => kept)

  add(name: string, limits: CallerLimits) {
    if (this.#kept.has(name)) throw new StreamError('option-invalid', `there is a caller ${name} already`)
    const token = `spt_${name}`
    this.#kept.set(name, { kept: { name, limits, createdAtMs: Date.now() }, token })
    return { caller: { name, isOwner: false, limits }, token }
  }

  remove = (name: string) => this.#kept.delete(name)

  find(token: string): Caller | undefined {
    if (token === 'spt_owner') return { name: 'owner', isOwner: true, limits: {} }
    const found = [...this.#kept.values()].find((one) => one.token === token)
    return found && { name: found.kept.name, isOwner: false, limits: found.kept.limits }
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what it is was held against the document
  readonly body: any
}

const open = new Set<Stand<LightningNode>>()
afterEach(async () => {
  await Promise.all([...open].map((stand) => stand.close()))
})

/** The API over HTTP, on a server of the test's own. Every answer is held against the document. */
export class Stand<Node extends LightningNode = ScriptedNode> {
  readonly node: Node
  readonly journal: Journal
  readonly callers: Book
  readonly events: LocalEvents
  readonly invoices: InvoiceOwners
  readonly server: RunningServer
  readonly checked: Checked
  readonly document: Document
  readonly api: LocalApi
  readonly #end: () => Promise<void>

  private constructor(given: Omit<Stand<Node>, 'ask' | 'raw' | 'close'> & { readonly end: () => Promise<void> }) {
    this.node = given.node
    this.journal = given.journal
    this.callers = given.callers
    this.events = given.events
    this.invoices = given.invoices
    this.server = given.server
    this.checked = given.checked
    this.document = given.document
    this.api = given.api
    this.#end = given.end
  }

  static async open<Node extends LightningNode>(node: Node, more: Partial<LocalApiParts> = {}): Promise<Stand<Node>> {
    const journal = more.journal ?? openJournal(':memory:')
    const callers = new Book()
    const events = new LocalEvents()
    const invoices = openInvoiceOwners(':memory:')
    const api = createLocalApi({ version: '0.0.0', ...{ node, journal, callers, events, invoices }, ...more })
    const server = await serve(
      async (request) => {
        const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
        const answer = await api.handle(request, token === undefined ? undefined : callers.find(token))
        return answer ?? new Response('elsewhere', { status: 418 })
      },
      { port: 0 },
    )
    const document = (await (await fetch(`${server.url}${BASE}/openapi.json`)).json()) as Document
    const parts = { node, journal, callers, events, invoices, server, checked: new Checked(document), document, api }
    const stand = new Stand<Node>({ ...parts, end: () => api.close(0) })
    open.add(stand as unknown as Stand<LightningNode>)
    return stand
  }

  // Tests take them apart.
  readonly raw = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${this.server.url}${BASE}${path}`, init)

  /** Asks as the owner, or with the token of a caller. */
  readonly ask = async (method: string, path: string, body?: unknown, token = 'spt_owner'): Promise<Answer> => {
    const response = await this.raw(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const answer = { status: response.status, headers: response.headers, body: await response.json() }
    this.checked.check(method, path, answer.status, response.headers.get('content-type') ?? '', answer.body)
    return answer
  }

  async close(): Promise<void> {
    open.delete(this as unknown as Stand<LightningNode>)
    await this.#end()
    await this.server.close(0)
    await this.journal.end()
    this.invoices.end()
  }
}

/** A stand on scripted nodes, and the node that is paid. */
export async function scriptedStand(
  more: Partial<LocalApiParts> = {},
): Promise<Stand & { readonly payee: ScriptedNode }> {
  const { buyer, seller } = scriptedPair()
  return Object.assign(await Stand.open(buyer, more), { payee: seller })
}

export const problem = (code: string, more: object = {}) => expect.objectContaining({ code, ...more })
