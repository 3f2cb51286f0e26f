import { api } from './api.ts'
import { byId, list, make, setText } from './dom.ts'
import { ago, plural, shortSat } from './format.ts'
import type { Route, State } from './state.ts'

/** The routes, each with its price, which can be changed. */
export function showRoutes({ routes, atMs }: State): void {
  list(
    byId('routes'),
    routes,
    ({ name }) => name,
    newRoute,
    (li, route) => showRoute(li, route, atMs),
  )
}

function newRoute({ name, title, price }: Route): HTMLElement {
  const li = make('li')
  const head = make('div', 'route-head')
  head.append(make('strong', '', title || name), make('span'))
  const form = make('form')
  const input = make('input')
  input.value = price
  input.setAttribute('aria-label', `Price of ${title || name}`)
  input.spellcheck = false
  input.maxLength = 200
  const button = make('button', '', 'Set')
  button.type = 'submit'
  form.append(input, button)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void save(name, title || name, input, button)
  })
  input.addEventListener('input', () => {
    button.hidden = input.value === input.dataset.known
  })
  li.append(head, form, make('p', 'more'))
  return li
}

function showRoute(
  li: HTMLElement,
  { price, was, streams, msatPerSecond, today, name, title }: Route,
  nowMs: number,
): void {
  setText(li.querySelector('strong')!, title || name)
  const now = streams > 0 ? `${shortSat(msatPerSecond)} sat/s · ` : ''
  setText(li.querySelector('.route-head span')!, `${now}${shortSat(today.earned)} sat today`)
  const input = li.querySelector('input')!
  // What is being typed is the person's.
  if (input.dataset.known !== price && (document.activeElement !== input || input.value === input.dataset.known)) {
    input.value = price
  }
  input.dataset.known = price
  input.disabled = price === 'free'
  li.querySelector('button')!.hidden = input.value === price
  const before = was ? `${was.was} until ${ago(was.atMs, nowMs)} · changed by ${was.by}` : ''
  setText(li.querySelector('.more')!, [plural(streams, 'stream'), before].filter(Boolean).join(' · '))
}

async function save(name: string, title: string, input: HTMLInputElement, button: HTMLButtonElement): Promise<void> {
  const status = byId('price-status')
  button.disabled = true
  try {
    const { was, now } = await api.post<{ was: string; now: string }>('/api/price', { route: name, price: input.value })
    input.value = now
    input.dataset.known = now
    status.dataset.bad = 'false'
    setText(status, `${title}: ${now} from now on, ${was} before. Agreements that were made keep their price.`)
  } catch (error) {
    status.dataset.bad = 'true'
    setText(status, (error as Error).message)
  } finally {
    button.disabled = false
  }
}
