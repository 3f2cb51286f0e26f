import { askConsent, defineMeter, Purse, StoredJournal, type StreamMeter } from '../src/browser/index.ts'
import { LineSplitter } from '../src/meter/lines.ts'
import { SseSplitter } from '../src/meter/sse.ts'

/** The try-it page: a model behind an endpoint like OpenAI's or Ollama's, paid token by token while it answers. */
const { src = '' } = document.querySelector('main')!.dataset
const form = document.querySelector('form')!
const model = document.querySelector<HTMLInputElement | HTMLSelectElement>('#model')!
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
  const name = model.value.trim()
  const answer = say(name || 'Model', '', '')
  log.setAttribute('aria-busy', 'true')
  purse.start()
  purse.resume()
  try {
    const body = JSON.stringify({
      ...(name && { model: name }),
      stream: true,
      messages: [{ role: 'user', content: prompt }],
    })
    const headers = { 'content-type': 'application/json' }
    const response = await purse.fetch(src, { method: 'POST', headers, body, signal: running.signal })
    if (!response.ok || !response.body) throw new Error(`The model answered with ${response.status}.`)
    const words = wordsIn(response)
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      for (const said of words(value)) answer.append(said)
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

/** The words of an answer, as they come: OpenAI sends them in events, Ollama in lines of JSON. */
function wordsIn({ headers }: Response): (chunk: Uint8Array) => string[] {
  if (!headers.get('content-type')?.includes('ndjson')) {
    const events = new SseSplitter()
    return (chunk) => events.push(chunk).map(({ data }) => wordsOf(data))
  }
  const lines = new LineSplitter()
  return (chunk) => lines.push(chunk).map((line) => wordsOf(line.text))
}

/** The words in one part of an answer; whatever else comes is passed over. */
function wordsOf(part: string | undefined): string {
  try {
    const { choices, message } = JSON.parse(part ?? '')
    const words = message?.content ?? choices?.[0]?.delta?.content
    return typeof words === 'string' ? words : ''
  } catch {
    return ''
  }
}
