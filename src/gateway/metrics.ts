import type { Collector } from './stats/collector.ts'
import type { Wallets } from './stats/wallet.ts'
import { owedBy, type Watched, type WatchedEvent } from './watched.ts'

/** Upper bounds of the histogram of answers, in seconds: streams last. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const
/** Values that one label may have; what comes after that is `other`. */
const MAX_VALUES = 200

type Labels = Readonly<Record<string, string>>

/** Counts by labels, and never more rows than the labels' values allow. */
class Counts {
  readonly #rows = new Map<string, { readonly labels: Labels; value: number }>()

  add(labels: Labels, by = 1): void {
    const key = JSON.stringify(labels)
    const row = this.#rows.get(key)
    if (row) row.value += by
    else this.#rows.set(key, { labels, value: by })
  }

  get rows(): Rows {
    return [...this.#rows.values()].map(({ labels, value }) => [labels, value] as const)
  }
}

type Rows = ReadonlyArray<readonly [Labels, number]>

interface Histogram {
  readonly buckets: number[]
  sum: number
  count: number
}

/**
 * Counts what happens at a gateway and prints it for Prometheus (text format 0.0.4). Written out, since the format is a page and a client
 * library brings its own registry, timers and process metrics. Amounts are in msat; a float is exact up to 90,000 BTC.
 */
export class Metrics {
  readonly #requests = new Counts()
  readonly #bytes = new Counts()
  readonly #agreements = new Counts()
  readonly #returns = new Counts()
  readonly #errors = new Counts()
  readonly #strays = new Counts()
  readonly #histograms = new Map<string, Histogram>()
  readonly #routes = new Set<string>()
  readonly #recipients = new Set<string>()
  readonly #unsubscribe: () => void

  constructor(gateway: Watched) {
    this.#unsubscribe = gateway.onEvent((event) => this.#take(event))
  }

  close(): void {
    this.#unsubscribe()
  }

  #take(event: WatchedEvent): void {
    switch (event.type) {
      case 'request': {
        const route = bounded(this.#routes, event.route ?? 'none')
        this.#requests.add({ route, status: `${Math.floor(event.status / 100)}xx` })
        this.#bytes.add({ route }, event.bytes)
        this.#observe(route, event.ms / 1000)
        return
      }
      case 'opened':
      case 'closed':
        this.#agreements.add({
          route: bounded(this.#routes, event.route ?? event.account.agreement.scope),
          event: event.type,
        })
        return
      case 'returned':
      case 'return-failed':
      case 'return-delayed':
        this.#returns.add({ outcome: event.type.replace('return-', '') })
        return
      case 'error':
        this.#errors.add({ code: event.error.code })
        return
      case 'stray':
        this.#strays.add({})
    }
  }

  #observe(route: string, seconds: number): void {
    const histogram = this.#histograms.get(route) ?? { buckets: SECONDS.map(() => 0), sum: 0, count: 0 }
    this.#histograms.set(route, histogram)
    histogram.sum += seconds
    histogram.count++
    SECONDS.forEach((bound, i) => {
      if (seconds <= bound) histogram.buckets[i]!++
    })
  }

  /** The page that Prometheus reads. */
  text(collector: Collector, wallets: Wallets): string {
    const sums = collector.sinceStart.entries.map(([route, now]) => ({
      labels: { route: bounded(this.#routes, route) },
      ...now,
    }))
    const by = (pick: (row: (typeof sums)[number]) => bigint): Rows =>
      merged(sums.map((row) => [row.labels, Number(pick(row))] as const))
    const streams = [...collector.live.values()].filter(({ account }) => account.activeDeliveries > 0)
    const running = new Counts()
    const unpaid = new Counts()
    for (const { account, sight } of streams) {
      const { gate } = account
      const route = bounded(this.#routes, sight.route)
      running.add({ route, state: gate.shut ? 'paused' : 'running' })
      unpaid.add({ route }, Number(gate.delivered > gate.paid ? gate.delivered - gate.paid : 0n))
    }
    const owed = owedBy(collector.gateway)
    const shared = collector.gateway.recipients.map(
      ({ recipient, ...sums }) => [{ recipient: bounded(this.#recipients, recipient) }, sums] as const,
    )
    const nodes = wallets.views.map((view) => [{ node: view.alias || view.kind, network: view.network }, view] as const)
    return [
      counter(
        'paid_msat_total',
        'Payments settled, by the word of the node.',
        by(({ paid }) => paid),
      ),
      gauge(
        'earned_msat',
        'Paid for and delivered since the start; sinks when a failed answer is taken back.',
        by(({ earned }) => earned),
      ),
      gauge(
        'returned_msat',
        'Returned to buyers or on its way since the start; sinks when a return fails.',
        by(({ returned }) => returned),
      ),
      counter(
        'payments_total',
        'Payments settled, as a count.',
        by(({ payments }) => payments),
      ),
      counter('agreements_total', 'Agreements, by what happened.', this.#agreements.rows),
      counter(
        'returns_total',
        'Returns to buyers, by what became of them; one may be delayed often.',
        this.#returns.rows,
      ),
      counter('stray_payments_total', 'Payments for agreements that were forgotten.', this.#strays.rows),
      counter('errors_total', 'What failed, by code.', this.#errors.rows),
      counter('requests_total', 'Answered requests, by class of status.', this.#requests.rows),
      counter('response_bytes_total', 'Bytes of answers.', this.#bytes.rows),
      this.#histogramText(),
      gauge('streams', 'Agreements that are being served now.', running.rows),
      gauge('unpaid_msat', 'Delivered and not paid yet: at most the credit of each.', unpaid.rows),
      gauge('owed_msat', 'What buyers of ended agreements may ask back.', [[{}, Number(owed.amount)]]),
      gauge('owed_agreements', 'Agreements on which something is owed.', [[{}, owed.agreements]]),
      counter(
        'recipient_earned_msat_total',
        'Earned by the recipients of splits.',
        merged(shared.map(([l, { earned }]) => [l, Number(earned)])),
      ),
      gauge(
        'recipient_paid_msat',
        'Paid to them or on its way; sinks when a payout fails.',
        merged(shared.map(([l, { paid }]) => [l, Number(paid)])),
      ),
      gauge('node_up', 'Whether the node answers.', merged(nodes.map(([labels, { up }]) => [labels, up ? 1 : 0]))),
      gauge(
        'node_can_receive_msat',
        'What channels can receive; an estimate.',
        merged(nodes.map(([l, v]) => [l, Number(v.canReceive)])),
      ),
      gauge(
        'node_can_send_msat',
        'What channels can send; an estimate.',
        merged(nodes.map(([l, v]) => [l, Number(v.canSend)])),
      ),
    ].join('')
  }

  #histogramText(): string {
    const name = 'stream_request_seconds'
    const lines = [...this.#histograms].flatMap(([route, { buckets, sum, count }]) => [
      ...SECONDS.map((bound, i) => line(`${name}_bucket`, { route, le: `${bound}` }, buckets[i]!)),
      line(`${name}_bucket`, { route, le: '+Inf' }, count),
      line(`${name}_sum`, { route }, sum),
      line(`${name}_count`, { route }, count),
    ])
    return `# HELP ${name} From a request to the end of its answer.\n# TYPE ${name} histogram\n${lines.join('')}`
  }
}

function bounded(known: Set<string>, value: string): string {
  if (!known.has(value) && known.size >= MAX_VALUES) return 'other'
  known.add(value)
  return value
}

const counter = (name: string, help: string, rows: Rows): string => family('counter', name, help, rows)
const gauge = (name: string, help: string, rows: Rows): string => family('gauge', name, help, rows)

function family(type: string, name: string, help: string, rows: Rows): string {
  const full = `stream_${name}`
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${rows.map(([labels, value]) => line(full, labels, value)).join('')}`
}

function line(name: string, labels: Labels, value: number): string {
  const text = Object.entries(labels)
    .map(([label, word]) => `${label}="${escaped(word)}"`)
    .join(',')
  return `${name}${text && `{${text}}`} ${value}\n`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

/** Rows of the same labels as one: a page with two of them is refused whole. */
function merged(rows: Rows): Rows {
  const counts = new Counts()
  for (const [labels, value] of rows) counts.add(labels, value)
  return counts.rows
}
