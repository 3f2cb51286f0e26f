import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { isRefusal } from './answers.ts'
import { Entry } from './entry.ts'
import { keptToken, Sessions } from './token.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-'))
  folders.push(folder)
  return folder
}

const TOKEN = 'A'.repeat(43)
const request = (headers: Record<string, string>, url = 'http://127.0.0.1:2403/api/price'): Request =>
  new Request(url, { method: 'POST', headers })

function entered(entry: Entry): string {
  const login = entry.login(TOKEN)
  if (isRefusal(login)) throw new Error(login.reason)
  return login.cookie
}

test('a token is made once, readable by its owner alone, and a file that holds none is refused', () => {
  const file = join(home(), 'state', 'dashboard-token')
  const token = keptToken(file)
  expect(token).toMatch(/^[\w-]{43}$/)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(keptToken(file)).toBe(token)
  writeFileSync(file, 'short')
  expect(() => keptToken(file)).toThrow(expect.objectContaining({ code: 'option-invalid' }))
})

test('the cookie opens, is for no script and no other site, and only this dashboard takes it', () => {
  const entry = new Entry(TOKEN, 2403)
  const cookie = entered(entry)
  expect(cookie).toMatch(/^stream-dashboard-2403=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/)
  expect(cookie).not.toContain(TOKEN)
  const pair = cookie.split(';')[0]!
  expect(entry.visitor(request({ cookie: `other=1; ${pair}` }))).toMatchObject({ by: 'browser' })
  expect(new Entry(TOKEN, 2404).visitor(request({ cookie: pair }))).toMatchObject({ status: 401 })
  expect(new Entry('B'.repeat(43), 2403).visitor(request({ cookie: pair }))).toMatchObject({ status: 401 })
  const value = pair.split('=')[1]!
  for (const forged of ['', '.', `9${value}`, `${value}x`, value.slice(0, -1), 'NaN.x.y']) {
    const visitor = entry.visitor(request({ cookie: `stream-dashboard-2403=${forged}` }))
    expect(visitor, forged).toMatchObject({ status: 401 })
  }
})

test('a session ends after its time', () => {
  const sessions = new Sessions(TOKEN)
  const session = sessions.open(0)
  expect(sessions.holds(session, sessions.lifeSeconds * 1000 - 1)).toBe(true)
  expect(sessions.holds(session, sessions.lifeSeconds * 1000)).toBe(false)
})

test('a change takes the word of this session, and is refused from any other site', () => {
  const entry = new Entry(TOKEN, 2403)
  const cookie = entered(entry).split(';')[0]!
  const other = entered(entry).split(';')[0]!
  const change = (headers: Record<string, string>) => {
    const asked = request({ cookie, ...headers })
    const visitor = entry.visitor(asked)
    if (isRefusal(visitor)) throw new Error(visitor.reason)
    return entry.mayChange(asked, visitor)?.status
  }
  const word = (pair: string) => (entry.visitor(request({ cookie: pair })) as { csrf: string }).csrf
  const csrf = word(cookie)
  expect(change({ 'x-csrf-token': csrf })).toBeUndefined()
  expect(
    change({ 'x-csrf-token': csrf, origin: 'http://127.0.0.1:2403', 'sec-fetch-site': 'same-origin' }),
  ).toBeUndefined()
  expect(change({})).toBe(403)
  expect(change({ 'x-csrf-token': word(other) })).toBe(403)
  expect(change({ 'x-csrf-token': csrf, origin: 'http://127.0.0.1:8080' })).toBe(403)
  expect(change({ 'x-csrf-token': csrf, 'sec-fetch-site': 'same-site' })).toBe(403)
  expect(change({ 'x-csrf-token': csrf, origin: 'null' })).toBe(403)
})

test('guesses are slowed down; who has the right token is not, until then', () => {
  let nowMs = 0
  const entry = new Entry(TOKEN, 2403, () => nowMs)
  for (let i = 0; i < 100; i++) expect(isRefusal(entry.login(TOKEN))).toBe(false)
  const cookie = entered(entry).split(';')[0]!
  for (let i = 0; i < 10; i++) expect(entry.login(`wrong${i}`)).toMatchObject({ status: 401 })
  expect(entry.login('wrong')).toMatchObject({ status: 429, retryAfterMs: 5000 })
  expect(entry.visitor(request({ authorization: `Bearer ${TOKEN}` })), 'through the header as well').toMatchObject({
    status: 429,
  })
  expect(entry.visitor(request({ cookie })), 'a page that is open stays so').toMatchObject({ by: 'browser' })
  nowMs += 5000
  expect(isRefusal(entry.login(TOKEN))).toBe(false)
})
