import { byId, cell, list, make, row, setText } from './dom.ts'
import { ago, sat, shortSat, speed } from './format.ts'
import type { Buyer, NodeView, State, Stream, Trouble } from './state.ts'

const body = (table: string): HTMLElement => byId<HTMLTableElement>(table).tBodies[0]!
const short = (agreement: string): string => agreement.slice(0, 8)

export function showTables(state: State): void {
  list(body('streams'), state.streams, ({ agreement }) => agreement, newStream, showStream)
  list(
    body('buyers'),
    state.buyers,
    ({ agreement }) => agreement,
    () => row(['', '', '', 'n', 'n', 'n', 'n', '']),
    (tr, buyer) => showBuyer(tr, buyer, state.atMs),
  )
  list(
    byId('troubles'),
    state.troubles,
    ({ atMs, kind, agreement, text }) => `${atMs} ${kind} ${agreement} ${text}`,
    newTrouble,
    (li, trouble) => setText(li.querySelector('time')!, ago(trouble.atMs, state.atMs)),
  )
  byId('recipients-panel').hidden = state.recipients.length === 0
  list(
    body('recipients'),
    state.recipients,
    ({ name }) => name,
    () => row(['', 'n', 'n', 'n']),
    (tr, { name, earned, paid, owed }) => {
      for (const [i, text] of [name, sat(earned), sat(paid), sat(owed)].entries()) setText(cell(tr, i), text)
    },
  )
  list(byId('nodes'), state.nodes, ({ publicKey, kind }) => `${publicKey} ${kind}`, newNode, showNode)
}

function newStream({ agreement }: Stream): HTMLElement {
  const tr = row(['', '', 'n', 'n', '', ''])
  const code = make('code', '', short(agreement))
  code.title = agreement
  cell(tr, 0).append(code)
  const meter = make('meter')
  meter.min = 0
  meter.max = 1
  cell(tr, 4).append(meter, make('span'))
  cell(tr, 5).append(make('span', 'tag'))
  return tr
}

function showStream(tr: HTMLElement, stream: Stream): void {
  const { route, client, unit, paused, stepsPerSecond, msatPerSecond, unpaid, credit, ahead, due, price } = stream
  setText(cell(tr, 1), client ? `${route} · ${client}` : route)
  cell(tr, 1).title = price
  setText(cell(tr, 2), speed(stepsPerSecond, unit))
  setText(cell(tr, 3), `${shortSat(msatPerSecond)} sat/s`)
  const meter = tr.querySelector('meter')!
  const used = BigInt(credit) > 0n ? Number((BigInt(unpaid) * 1000n) / BigInt(credit)) / 1000 : 0
  meter.value = used
  const words =
    BigInt(unpaid) > 0n || BigInt(ahead) <= 0n
      ? `${sat(unpaid)} of ${sat(credit)} sat unpaid`
      : `${sat(ahead)} sat paid ahead`
  meter.setAttribute('aria-label', words)
  setText(tr.querySelector('meter + span')!, words)
  const tag = tr.querySelector('.tag')!
  tag.className = paused ? 'tag paused' : 'tag'
  setText(tag, paused ? `paused, ${sat(due)} sat due` : 'running')
}

function showBuyer(tr: HTMLElement, buyer: Buyer, nowMs: number): void {
  const { agreement, route, client, paid, earned, returned, payments, seenAtMs, state } = buyer
  const seen = state === 'closed' ? `closed ${ago(seenAtMs, nowMs)}` : ago(seenAtMs, nowMs)
  const words = [short(agreement), route, client || '–', sat(paid), sat(earned), sat(returned), payments, seen]
  words.forEach((text, i) => {
    setText(cell(tr, i), text)
  })
  cell(tr, 0).title = agreement
}

const NAMES: Readonly<Record<string, readonly [string, string]>> = {
  'return-delayed': ['return waits', 'warn'],
  'return-failed': ['return failed', 'bad'],
  'payout-delayed': ['payout waits', 'warn'],
  'payout-failed': ['payout failed', 'bad'],
  'payment-unknown': ['outcome unknown', 'warn'],
  stray: ['stray payment', 'warn'],
  error: ['failure', 'bad'],
  'reload-failed': ['configuration', 'bad'],
}

function newTrouble({ kind, text, route, agreement, atMs }: Trouble): HTMLElement {
  const [name, tone] = NAMES[kind] ?? [kind, 'warn']
  const li = make('li')
  const time = make('time')
  time.dateTime = new Date(atMs).toISOString()
  const where = [route, agreement && `agreement ${short(agreement)}`].filter(Boolean).join(' · ')
  const line = make('p', 'more', ` ${where && `${where} · `}`)
  line.prepend(make('span', `tag ${tone}`, name))
  line.append(time)
  li.append(line, make('p', '', text))
  return li
}

function newNode({ kind, network, alias, publicKey }: NodeView): HTMLElement {
  const div = make('div')
  const line = make('p')
  line.append(make('span', 'tag'), ` ${[alias, kind, network].filter(Boolean).join(' · ')}`)
  const bar = make('div', 'bar')
  bar.setAttribute('role', 'img')
  bar.append(make('i'))
  const key = make('p', 'more')
  key.append(make('code', '', publicKey))
  div.append(line, bar, make('div', 'words'), key)
  return div
}

function showNode(div: HTMLElement, { up, canReceive, canSend, words }: NodeView): void {
  const tag = div.querySelector('.tag')!
  tag.className = up ? 'tag' : 'tag bad'
  setText(tag, up ? 'up' : 'away')
  const both = Number(canReceive) + Number(canSend)
  const bar = div.querySelector<HTMLElement>('.bar')!
  bar.hidden = both === 0
  bar.setAttribute('aria-label', `can send ${sat(canSend)} sat, can receive ${sat(canReceive)} sat`)
  bar.querySelector('i')!.style.width = both === 0 ? '0' : `${(Number(canSend) / both) * 100}%`
  list(
    div.querySelector<HTMLElement>('.words')!,
    words,
    (word) => word,
    (word) => make('p', '', word),
    () => {},
  )
}
