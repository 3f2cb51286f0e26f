import { type Msat, ZERO } from '../../money/msat.ts'
import { askedInWords } from '../../money/words.ts'
import type { Purse } from '../purse.ts'
import { h, sheet, THEME } from './dom.ts'
import { inSat, inWords, readSat } from './words.ts'

const LOOK_MS = 250
const STATES = {
  idle: 'Nothing is paid yet',
  asking: 'Waiting for your word',
  open: 'Paying as you use it',
  paused: 'Paused',
  stopped: 'Stopped',
} as const

const STYLE = `${THEME}
:host{display:block;container-type:inline-size}
section{display:grid;grid-template-columns:1fr auto;gap:.75rem 1rem;align-items:center;padding:1rem 1.25rem;background:var(--face);border:1px solid var(--line);border-radius:16px}
.big{font-size:1.5rem;font-weight:650;letter-spacing:-.01em}
.row{display:flex;gap:.5rem;flex-wrap:wrap}
.track{grid-column:1/-1;height:8px;border-radius:4px;background:var(--line);overflow:hidden}
.fill{height:100%;background:var(--accent);width:0}
.foot{grid-column:1/-1;display:flex;justify-content:space-between;gap:.25rem 1rem;flex-wrap:wrap;font-size:.9rem}
.foot .bad{flex-basis:100%}
form{grid-column:1/-1;display:flex;gap:.5rem;flex-wrap:wrap;align-items:end}
form[hidden]{display:none}
label{display:grid;gap:.25rem;font-size:.9rem}
input{width:9rem;min-height:44px;padding:0 .75rem;border-radius:10px;border:1px solid var(--dim);background:none}
@container (max-width:26rem){section{grid-template-columns:1fr}.row button{flex:1}}
`

const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement

/**
 * `<stream-meter>`: the price, what was spent of the budget, pause, stop, and another budget. Set its `purse`. Colours are taken from
 * `--stream-accent`, `--stream-face`, `--stream-ink`, `--stream-dim`, `--stream-line`, `--stream-bad`.
 */
export class StreamMeter extends Base {
  #purse: Purse | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #today: Msat = ZERO
  #show: () => void = () => {}
  readonly #look = () => this.#show()

  connectedCallback(): void {
    if (!this.shadowRoot) this.#build()
    this.#timer = setInterval(this.#look, LOOK_MS)
    this.#look()
  }

  disconnectedCallback(): void {
    clearInterval(this.#timer)
  }

  get purse(): Purse | undefined {
    return this.#purse
  }

  set purse(purse: Purse | undefined) {
    this.#purse?.removeEventListener('change', this.#look)
    this.#purse = purse
    purse?.addEventListener('change', this.#look)
    this.#look()
  }

  #build(): void {
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [sheet(STYLE)]
    const spent = h('span', { class: 'big num' })
    const price = h('span', { class: 'dim num' })
    const state = h('span', { role: 'status' })
    const left = h('span', { class: 'dim num' })
    const problem = h('span', { class: 'bad', role: 'alert' })
    const fill = h('div', { class: 'fill' })
    const track = h('div', { class: 'track', role: 'progressbar', 'aria-label': 'Spent of the budget' }, fill)
    const pause = h('button', { type: 'button', click: () => this.#pauseOrGo() })
    const stop = h('button', { type: 'button', click: () => void this.#purse?.stop() }, 'Stop')
    const input = h('input', { type: 'number', min: '0', step: '1', inputmode: 'numeric', id: 'budget' })
    const form = h(
      'form',
      {
        hidden: true,
        submit: (event) => {
          event.preventDefault()
          form.hidden = true
          edit.setAttribute('aria-expanded', 'false')
          edit.focus()
          void this.#purse?.setBudget(readSat(input.value))
        },
      },
      h('label', { for: 'budget' }, 'Budget here, in sat a day (0 takes it back)', input),
      h('button', { class: 'main' }, 'Set'),
    )
    const edit = h(
      'button',
      {
        type: 'button',
        'aria-expanded': 'false',
        click: () => {
          form.hidden = !form.hidden
          edit.setAttribute('aria-expanded', `${!form.hidden}`)
          input.value = `${(this.#purse?.budget ?? 0n) / 1000n}`
          if (!form.hidden) input.focus()
        },
      },
      'Budget',
    )
    root.append(
      h(
        'section',
        { 'aria-label': 'What this costs' },
        h('div', {}, spent, ' ', price),
        h('div', { class: 'row' }, pause, stop, edit),
        track,
        form,
        h('div', { class: 'foot' }, state, left, problem),
      ),
    )
    this.#show = () => {
      const purse = this.#purse
      const { state: now = 'idle', spent: sum = ZERO, budget, offer, error } = purse ?? {}
      set(spent, inSat(sum))
      set(price, offer ? `at ${askedInWords(offer)}` : '')
      set(state, now === 'open' && error ? 'Waiting: nothing is paid' : STATES[now])
      void purse?.today().then((today) => {
        this.#today = today
      })
      const share = budget ? Number((this.#today * 1000n) / budget) / 10 : 0
      fill.style.width = `${Math.min(100, share)}%`
      track.setAttribute('aria-valuenow', `${Math.round(share)}`)
      set(left, budget === undefined ? '' : `${inSat(this.#today)} of ${inSat(budget)} a day`)
      set(problem, error ? inWords(error) : '')
      set(pause, now === 'paused' ? 'Go on' : now === 'stopped' ? 'Start again' : 'Pause')
      pause.disabled = now === 'idle' || now === 'asking'
      stop.disabled = now !== 'open' && now !== 'paused'
      edit.disabled = budget === undefined || now === 'stopped'
    }
  }

  #pauseOrGo(): void {
    const purse = this.#purse
    if (purse?.state === 'stopped') purse.start()
    else if (purse?.state === 'paused') purse.resume()
    else purse?.pause()
  }
}

/** A screen reader is told of what changed, and of nothing else. */
function set(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Makes `<stream-meter>` known to the page. */
export function defineMeter(): void {
  if (!customElements.get('stream-meter')) customElements.define('stream-meter', StreamMeter)
}
