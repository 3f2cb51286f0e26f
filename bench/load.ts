import autocannon from 'autocannon'

export interface Load {
  readonly perSecond: number
  /** Answers by status code. */
  readonly statuses: Readonly<Record<string, number>>
}

const CONNECTIONS = 32

/** As many requests as a server answers, over keep-alive connections, from a thread of its own. */
export async function load(
  url: string,
  seconds: number,
  headers: Readonly<Record<string, string>> = {},
  /** Of requests by turns, besides the others. */
  variants: readonly Readonly<Record<string, string>>[] = [],
): Promise<Load> {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    headers: { ...headers },
    ...(variants.length > 0 && { requests: variants.map((own) => ({ headers: { ...headers, ...own } })) }),
    workers: 1,
  })
  const statuses = Object.fromEntries(
    Object.entries(result.statusCodeStats).map(([code, { count }]) => [code, count ?? 0]),
  )
  if (result.errors > 0) throw new Error(`${result.errors} requests failed`)
  return { perSecond: result.requests.average, statuses }
}

/** Two loads in turn, so that a machine that grows slower slows both: the rates of each, pair by pair. */
export async function loadInTurn(
  a: () => Promise<Load>,
  b: () => Promise<Load>,
  rounds: number,
): Promise<Array<readonly [Load, Load]>> {
  const pairs: Array<readonly [Load, Load]> = []
  for (let i = 0; i < rounds; i++) pairs.push([await a(), await b()])
  return pairs
}
