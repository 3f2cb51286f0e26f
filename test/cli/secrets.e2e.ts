import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeAll, expect, test } from 'vitest'
import { commands, type Result, tempFolder } from './command.ts'

const home = tempFolder()
const state = join(home, 'state')
const { run, sell } = commands(home, { STREAMPAY_DEBUG: '1' })
const said: string[] = []
const note = ({ stdout, stderr }: Result): void => void said.push(stdout.toString('latin1'), stderr)

/** Every file below the state, by its path. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** A seller that hands every secret it is sent back in its answers: only the buyer can keep them from its own output. */
async function echo(): Promise<{ url: string; end: () => void }> {
  const server = createServer((incoming, outgoing) => {
    const heard = `${incoming.headers.authorization ?? ''} ${incoming.url} ${incoming.headers['x-key'] ?? ''}`
    outgoing.writeHead(500, { 'content-type': 'text/plain' }).end(`authorization: ${heard}`)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, end: () => server.close() }
}

/** What the commands do, well and badly, with --json and without. */
beforeAll(async () => {
  const folder = join(home, 'folder')
  mkdirSync(folder)
  writeFileSync(join(folder, 'film.txt'), 'film '.repeat(200_000))
  const { seller, url } = await sell(folder, '1 sat/50kB')
  const film = `${url}/film.txt`
  const out = join(home, 'film.txt')
  for (const json of [['--json'], []]) {
    note(await run('get', film, '-o', out, ...json))
    note(await run('get', film, '-o', out, '--max', '5 sat', '--ahead', '2 sat', ...json))
    note(await run('get', film, '-H', `Authorization Bearer ${'x'.repeat(30)}`, ...json))
    note(await run('statement', ...json))
    note(await run('history', '--payments', ...json))
  }
  note(await run('get', film, '-o', out, '--keep'))
  note(await run('recover', '--close', '--json'))
  note(await run('history'))
  note(await run('get', `${url}/none.txt`, '--json'))
  note(await run('sell', 'http://me:pass-of-mine@127.0.0.1:1/', '--price', '1 sat/MiB', '--host', '0.0.0.0', '--json'))
  const { last } = await run('statement', '--json')
  const proof = join(home, 'proof.json')
  note(await run('statement', `${last.agreement}`, '-o', proof))
  note(await run('verify', proof, '--json'))
  said.push(readFileSync(proof, 'latin1'))
  const back = await echo()
  const [secret] = agreementSecrets()
  note(await run('get', `${back.url}/?${secret}`, '-H', `x-key: ${secret}`, '--json'))
  back.end()
  const proxied = await sell('http://me:pass-of-mine@127.0.0.1:1/', '1 sat/MiB')
  note(await run('get', proxied.url, '--json'))
  for (const running of [seller, proxied.seller]) {
    running.signal('SIGINT')
    note(await running.end())
  }
}, 180_000)

function columns(file: string, query: string, name: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database.prepare(query).all()
  database.close()
  return rows.map((row) => row[name])
}

const agreementSecrets = (): string[] =>
  columns(join(state, 'buyer', 'journal.db'), 'SELECT secret FROM agreements', 'secret') as string[]

test('nothing that a command says holds a secret of its files', () => {
  const agreements = agreementSecrets()
  expect(agreements.length).toBeGreaterThanOrEqual(5)
  const kept = filesBelow(state)
  const bytes: Uint8Array[] = [
    ...agreements.map((secret) => Buffer.from(secret, 'hex')),
    ...kept.filter((file) => file.endsWith('/secret')).map((file) => readFileSync(file)),
    ...kept
      .filter((file) => file.endsWith('/node.db'))
      .flatMap((file) => columns(file, 'SELECT bytes FROM secret', 'bytes') as Uint8Array[]),
  ]
  // A seller's secret for each seller, and a seed for each node.
  expect(bytes.length).toBeGreaterThanOrEqual(agreements.length + 2 + 2)
  const all = said.join('\n')
  expect(all.length).toBeGreaterThan(10_000)
  for (const secret of bytes.map((some) => Buffer.from(some))) {
    for (const text of [secret.toString('hex'), secret.toString('base64url'), secret.toString('latin1')]) {
      expect(all.includes(text) || all.includes(text.toUpperCase())).toBe(false)
    }
    // Base64 of a longer text shows it under one of three shifts, less what is shared with its neighbours.
    for (const shift of [0, 1, 2]) {
      const inside = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret.toString('hex'))]).toString('base64')
      expect(all.includes(inside.slice(4, 80))).toBe(false)
    }
  }
  expect(all).not.toContain('pass-of-mine')
  expect(all).not.toContain('x'.repeat(30))
})

test('the test would notice: what is no secret is there', () => {
  const all = said.join('\n')
  const ids = columns(join(state, 'buyer', 'journal.db'), 'SELECT id FROM agreements', 'id') as string[]
  for (const id of ids.slice(0, 3)) expect(all).toContain(id)
  expect(all).toContain('[redacted]')
})

test('all that is kept is its owner’s alone', () => {
  const kept = filesBelow(state)
  const names = kept.map((file) => file.slice(file.lastIndexOf('/') + 1))
  expect(names).toEqual(expect.arrayContaining(['journal.db', 'ledger.db', 'secret', 'node.db', 'chain.db']))
  for (const file of kept) expect((statSync(file).mode & 0o777).toString(8), file).toBe('600')
})
