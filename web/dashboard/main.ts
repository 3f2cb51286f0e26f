import { api, Refused } from './api.ts'
import { startChart } from './chart.ts'
import { byId, setText } from './dom.ts'
import { showFigures } from './figures.ts'
import { showRoutes } from './routes.ts'
import type { State } from './state.ts'
import { showTables } from './tables.ts'

const RETRY_MS = 3000

function status(state: 'live' | 'lost' | 'waiting', text: string): void {
  const element = byId('status')
  element.dataset.state = state
  setText(element, text)
}

function show(state: State): void {
  showFigures(state)
  showTables(state)
  showRoutes(state)
}

function askForToken(error = ''): void {
  byId('login').hidden = false
  byId('main').hidden = true
  byId('leave').hidden = true
  setText(byId('login-error'), error)
  status('waiting', 'closed')
  byId('token').focus()
}

async function login(token: string): Promise<void> {
  try {
    await api.post('/login', { token })
    await open()
  } catch (error) {
    askForToken((error as Error).message)
  }
}

let opened = false

/** Shows the figures, or asks for the token. */
async function open(): Promise<void> {
  try {
    const { csrf, state } = await api.get<{ csrf: string; state: State }>('/api/session')
    api.trust(csrf)
    byId('login').hidden = true
    byId('main').hidden = false
    byId('leave').hidden = false
    show(state)
    if (!opened) startChart()
    opened = true
    follow()
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return askForToken()
    status('lost', 'the gateway does not answer')
    setTimeout(() => void open(), RETRY_MS)
  }
}

function follow(): void {
  const events = new EventSource('/api/live')
  events.addEventListener('state', (event) => {
    status('live', 'live')
    show(JSON.parse(event.data) as State)
  })
  events.addEventListener('error', () => {
    status('lost', 'the gateway does not answer; trying again')
    // A refusal ends an event stream for good: whether the session still holds is asked anew.
    if (events.readyState !== EventSource.CLOSED) return
    events.close()
    setTimeout(() => void open(), RETRY_MS)
  })
}

byId('login-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void login(byId<HTMLInputElement>('token').value.trim())
})
byId('leave').addEventListener('click', () => {
  void api.post('/logout', {}).finally(() => location.reload())
})

const token = location.hash.slice(1)
if (token) {
  // Out of the address bar and the history before anything else.
  history.replaceState(null, '', '/')
  void login(token)
} else void open()
