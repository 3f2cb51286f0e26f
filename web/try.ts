import { askConsent, defineMeter, Purse, StoredJournal, type StreamMeter } from '../src/browser/index.ts'
import { SseSplitter } from '../src/meter/sse.ts'

/** The try-it page: a model behind an OpenAI-compatible endpoint, paid token by token while it answers. */
const { src = '', model = '' } = document.querySelector('main')!.dataset
const form = document.querySelector('form')!
const text = document.querySelector('textarea')!
const ask = document.querySelector<HTMLButtonElement>('#ask')!
const cancel = document.querySelector<HTMLButtonElement>('#cancel')!
const log = document.querySelector<HTMLElement>('.log')!
const problem = document.querySelector<HTMLElement>('#problem')!
const meter = document.querySelector<StreamMeter>('stream-meter')!

const purse = new Purse({ consent: askConsent, journal: new StoredJournal(localStorage) })
defineMeter()
meter.purse = purse
window.purse = purse
let running: AbortController | undefined

form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (text.value.trim() && !running) void run(text.value.trim())
})
text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
})
cancel.addEventListener('click', () => running?.abort(new DOMException('enough', 'AbortError')))

async function run(prompt: string): Promise<void> {
  running = new AbortController()
  ask.disabled = true
  cancel.hidden = false
  problem.textContent = ''
  say('You', prompt, 'mine')
  text.value = ''
  const answer = say(model || 'Model', '', '')
  log.setAttribute('aria-busy', 'true')
  purse.start()
  try {
    const body = JSON.stringify({
      ...(model && { model }),
      stream: true,
      messages: [{ role: 'user', content: prompt }],
    })
    const headers = { 'content-type': 'application/json' }
    const response = await purse.fetch(src, { method: 'POST', headers, body, signal: running.signal })
    if (!response.ok || !response.body) throw new Error(`The model answered with ${response.status}.`)
    const splitter = new SseSplitter()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      for (const { data } of splitter.push(value)) answer.append(wordsOf(data ?? ''))
    }
  } catch (error) {
    if (!(error instanceof DOMException)) problem.textContent = error instanceof Error ? error.message : `${error}`
  } finally {
    log.setAttribute('aria-busy', 'false')
    ask.disabled = false
    cancel.hidden = true
    running = undefined
    text.focus()
  }
}

function say(who: string, words: string, kind: string): HTMLElement {
  const said = document.createElement('div')
  said.className = `said ${kind}`
  const name = document.createElement('b')
  name.textContent = who
  const content = document.createElement('span')
  content.textContent = words
  said.append(name, content)
  log.append(said)
  return content
}

/** The words in one event of a chat completion; whatever else comes is passed over. */
function wordsOf(data: string): string {
  try {
    const words = JSON.parse(data)?.choices?.[0]?.delta?.content
    return typeof words === 'string' ? words : ''
  } catch {
    return ''
  }
}
