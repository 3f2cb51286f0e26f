import { type CliEvent, type Command, streampay } from './command.ts'

/** A model that is for sale. */
export interface Sale {
  readonly url: string
  /** Ends the sale; resolves to what it sold, as `streampay sell --json` reports it. */
  stop(): Promise<readonly Sold[]>
}

/** One stream as its seller saw it. Amounts in msat. */
export interface Sold {
  readonly units: number
  readonly delivered: bigint
  readonly paid: bigint
  readonly maxUnpaid: bigint
  readonly credit: bigint
}

export interface SaleOptions {
  /** The model's own server, which knows nothing of payments. */
  readonly url: string
  /** Such as "1 sat/token". */
  readonly price: string
  readonly credit: string
  /** As `--node` takes it. */
  readonly node: string
  /** Where the seller keeps its ledger. */
  readonly home: string
}

/**
 * `streampay sell URL --price …`
 * @throws Error with what the command said when it does not come up
 */
export async function sellModel({ url, price, credit, node, home }: SaleOptions): Promise<Sale> {
  const command = streampay(home, 'sell', url, '--price', price, '--credit', credit, '--node', node, '--port', '0')
  const selling = Promise.withResolvers<CliEvent>()
  const ending = collect(command, (event) => {
    if (event.event === 'selling') selling.resolve(event)
  })
  ending.catch(() => {}).finally(() => selling.reject(new Error('the sale ended before it began')))
  return {
    url: `${(await selling.promise).url}`,
    stop: async () => {
      command.child.kill('SIGTERM')
      const events = await ending
      const end = events.findLast(({ event }) => event === 'end')
      return ((end?.streams ?? []) as Record<string, string | number>[]).map(readSold)
    },
  }
}

/** An answer that was paid for while it came, as its buyer saw it. Amounts in msat, times in ms. */
export interface Bought {
  readonly text: string
  /** Chunks that carried text. */
  readonly chunks: number
  /** What the model's last chunk says it computed. */
  readonly tokens: number
  readonly unit: string
  readonly units: number
  /** What came, at its price. */
  readonly delivered: bigint
  readonly paid: bigint
  readonly returned: bigint
  readonly fees: bigint
  readonly payments: number
  readonly maxAhead: bigint
  readonly ahead: bigint
  readonly firstByteMs: number
  readonly stallMs: number
  readonly durationMs: number
  /** The seller's last statement, as it was signed. */
  readonly statement: Readonly<Record<string, string>> | undefined
}

export interface PurchaseOptions {
  readonly url: string
  readonly question: string
  readonly maxTokens: number
  readonly ahead: string
  /** The most to spend; `streampay get` has a limit of its own when absent. */
  readonly max?: string
  readonly node: string
  /** Where the buyer keeps its journal. */
  readonly home: string
  /** Told the text as it comes. */
  readonly onText?: (text: string) => void
}

/**
 * `streampay get URL/v1/chat/completions -d '{"messages":…}'`
 * @throws Error with what the command said when it does not end well
 */
export async function buyAnswer(options: PurchaseOptions): Promise<Bought> {
  const { url, question, maxTokens, ahead, max, node, home, onText = () => {} } = options
  const messages = [{ role: 'user', content: question }]
  const body = JSON.stringify({ messages, stream: true, max_tokens: maxTokens, seed: 7 })
  const target = `${url}/v1/chat/completions`
  const budget = max === undefined ? [] : ['--max', max]
  const command = streampay(home, 'get', target, '-d', body, '--ahead', ahead, ...budget, '--node', node)
  const answer = new AnswerReader(onText)
  const events = await collect(command, ({ event, base64 }) => {
    if (event === 'data') answer.push(Buffer.from(`${base64}`, 'base64'))
  })
  const end = events.findLast(({ event }) => event === 'end') as Record<string, string | number> | undefined
  if (!end) throw new Error('`streampay get` told no end')
  return {
    ...answer.result(),
    unit: `${end.unit}`,
    units: Number(end.units),
    delivered: BigInt(end.delivered ?? 0),
    paid: BigInt(end.paid ?? 0),
    returned: BigInt(end.returned ?? 0),
    fees: BigInt(end.fees ?? 0),
    payments: Number(end.payments),
    maxAhead: BigInt(end.maxAhead ?? 0),
    ahead: BigInt(end.ahead ?? 0),
    firstByteMs: Number(end.firstByteMs),
    stallMs: Number(end.stallMs),
    durationMs: Number(end.durationMs),
    statement: end.statement as Bought['statement'],
  }
}

function readSold(stream: Record<string, string | number>): Sold {
  return {
    units: Number(stream.units),
    delivered: BigInt(stream.delivered ?? 0),
    paid: BigInt(stream.paid ?? 0),
    maxUnpaid: BigInt(stream.maxUnpaid ?? 0),
    credit: BigInt(stream.credit ?? 0),
  }
}

async function collect(command: Command, onEvent: (event: CliEvent) => void): Promise<readonly CliEvent[]> {
  const events: CliEvent[] = []
  for await (const event of command.events) {
    if (event.event !== 'data' && event.event !== 'progress') events.push(event)
    onEvent(event)
  }
  const code = await command.ended
  if (code !== 0) {
    const error = events.findLast(({ event }) => event === 'error')
    throw new Error(
      `streampay ended with exit code ${code}: ${error ? `${error.message} (${error.code})` : 'no reason'}`,
    )
  }
  return events
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
  readonly usage?: { readonly completion_tokens: number }
}

/** Joins the text of an OpenAI stream. */
class AnswerReader {
  readonly #onText: (text: string) => void
  readonly #decoder = new TextDecoder()
  #rest = ''
  #text = ''
  #chunks = 0
  #tokens = 0

  constructor(onText: (text: string) => void) {
    this.#onText = onText
  }

  push(bytes: Uint8Array): void {
    const events = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n\n')
    this.#rest = events.pop() ?? ''
    for (const event of events) this.#read(event.slice('data: '.length))
  }

  result() {
    return { text: this.#text, chunks: this.#chunks, tokens: this.#tokens }
  }

  #read(data: string): void {
    if (data === '[DONE]') return
    const { choices, usage } = JSON.parse(data) as Chunk
    const text = choices[0]?.delta.content ?? ''
    if (text !== '') this.#chunks++
    this.#tokens = usage?.completion_tokens ?? this.#tokens
    this.#text += text
    this.#onText(text)
  }
}
