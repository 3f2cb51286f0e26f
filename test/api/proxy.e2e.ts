import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { judgeProof, readProof } from '../../src/wire/proof.ts'
import { commands, type Running, tempFolder } from '../cli/command.ts'
import { Checked, type Document } from './checked.ts'
import { BASE } from './stand.ts'

interface State {
  readonly url: string
  readonly pid: number
  readonly token: string
}

/** The process as programs of its user find it: by the state file alone. */
class Found {
  readonly state: State
  readonly #checked: Checked

  private constructor(state: State, document: Document) {
    this.state = state
    this.#checked = new Checked(document)
  }

  static async at(file: string): Promise<Found> {
    const state = JSON.parse(readFileSync(file, 'utf8')) as State
    const document = await fetch(`${state.url}${BASE}/openapi.json`)
    return new Found(state, (await document.json()) as Document)
  }

  async ask(method: string, path: string, body?: object, token = this.state.token) {
    const response = await fetch(`${this.state.url}${BASE}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const answer = await response.json()
    this.#checked.check(method, path, response.status, response.headers.get('content-type') ?? '', answer)
    return { status: response.status, body: answer }
  }
}

function home() {
  const folder = tempFolder()
  const file = join(folder, 'state', 'proxy.json')
  const { start, run, sell } = commands(folder)
  return {
    folder,
    file,
    run,
    sell,
    async proxy(): Promise<{ readonly proxy: Running; readonly found: Found }> {
      const proxy = start('proxy', '--json', '--port', '0')
      await proxy.event('listening')
      return { proxy, found: await Found.at(file) }
    },
    /** A payee in a process of its own, and its invoice. */
    async payee(amount: string): Promise<{ readonly payee: Running; readonly request: string; readonly hash: string }> {
      const payee = start('invoice', 'create', amount, '--wait', '--json')
      const { request, paymentHash } = await payee.event('invoice')
      return { payee, request: request as string, hash: paymentHash as string }
    },
  }
}

/** What was never sent is believed to be so after ten seconds only, and then paid anew. */
const PATIENT = { timeout: 240_000 }

describe('streampay proxy, by its state file', () => {
  test(
    'an invoice is made, paid and looked up; a caller pays within its budget; the end leaves nothing behind',
    PATIENT,
    async () => {
      const { folder, file, proxy: begin, payee: invoiceOf, run, sell } = home()
      const { proxy, found } = await begin()
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const { ask, state } = { ask: found.ask.bind(found), state: found.state }
      expect(state.pid).toBe(proxy.child.pid)
      expect((await ask('GET', '/status')).body).toMatchObject({
        url: state.url,
        node: { network: 'regtest' },
        caller: { name: 'owner', owner: true },
      })
      expect((await ask('GET', '/status', undefined, `spt_${'A'.repeat(43)}`)).status).toBe(401)

      const own = (await ask('POST', '/invoices', { amount: '7 sat', description: 'tea' })).body
      expect((await run('pay', own.invoice, '--json')).last).toMatchObject({ status: 'settled' })
      const shown = async () => (await ask('GET', `/invoices/${own.paymentHash}`)).body
      await expect.poll(shown).toMatchObject({ status: 'settled', received: '7000' })

      const { token } = (await ask('POST', '/callers', { name: 'ada', max: '60 sat' })).body
      const { payee, request, hash } = await invoiceOf('50 sat')
      const leave = new AbortController()
      const heard = await fetch(`${state.url}${BASE}/events`, {
        headers: { authorization: `Bearer ${token}` },
        signal: leave.signal,
      })
      const paid = await ask('POST', '/payments', { invoice: request }, token)
      let told = ''
      for await (const part of heard.body!.pipeThrough(new TextDecoderStream())) {
        told += part
        if (told.includes('event: payment\n')) break
      }
      leave.abort()
      expect(told).toMatch(new RegExp(`event: payment\\ndata: .*"paymentHash":"${hash}".*"status":"settled"`))
      expect(paid.body).toMatchObject({ status: 'settled', amount: '50000', paymentHash: hash })
      expect((await payee.end()).last).toMatchObject({ event: 'settled', received: '50000' })
      expect((await ask('GET', `/payments/${hash}`, undefined, token)).body).toEqual(paid.body)
      const second = await invoiceOf('50 sat')
      const refused = await ask('POST', '/payments', { invoice: second.request }, token)
      expect([refused.status, refused.body.code]).toEqual([402, 'budget-exhausted'])
      await second.payee.kill()
      const { callers } = (await ask('GET', '/callers')).body
      expect(callers).toMatchObject([{ name: 'ada', max: '60000', spent: '50000' }])

      // What goes through the proxy for a caller is its own to see and to end.
      const buying = (await ask('POST', '/callers', { name: 'bob', max: '200 sat' })).body.token
      writeFileSync(join(folder, 'film.bin'), Buffer.alloc(32 << 10))
      const { url, seller } = await sell(join(folder, 'film.bin'), '1 sat/KiB')
      const film = await fetch(`${state.url}/pay/${url}/film.bin`, { headers: { 'streampay-token': buying } })
      expect((await film.arrayBuffer()).byteLength).toBe(32 << 10)
      const [bought] = (await ask('GET', '/agreements?status=open', undefined, buying)).body.agreements
      expect(bought).toMatchObject({ seller: url, caller: 'bob' })
      expect((await ask('GET', '/agreements', undefined, token)).body.agreements).toEqual([])
      const closing = await ask('POST', `/agreements/${bought.agreement}/close`, undefined, buying)
      expect(closing.body).toMatchObject({ state: 'closed' })
      const proof = (await ask('GET', `/agreements/${bought.agreement}/statement`, undefined, buying)).body
      expect(judgeProof(readProof(JSON.stringify(proof)))).toMatchObject({ verdict: 'proven' })
      seller.signal('SIGTERM')
      await seller.end()

      proxy.signal('SIGTERM')
      expect((await proxy.end()).code).toBe(0)
      expect(existsSync(file)).toBe(false)
      const { events } = await run('history', '--payments', '--json')
      expect(events.find(({ paymentHash }) => paymentHash === hash)).toMatchObject({ status: 'settled' })
    },
  )

  test('killed while it pays: the next one says what became of it, and nothing is paid twice', PATIENT, async () => {
    const { proxy: begin, payee: invoiceOf } = home()
    const first = await begin()
    const { payee, request, hash } = await invoiceOf('50 sat')
    const cut = first.found.ask('POST', '/payments', { invoice: request })
    cut.catch(() => {})
    await first.proxy.event('recovered')
    await expect
      .poll(async () => (await first.found.ask('GET', `/payments/${hash}`).catch(() => ({ status: 0 }))).status)
      .toBe(200)
    first.proxy.signal('SIGKILL')
    await first.proxy.end()
    const { found, proxy } = await begin()
    await proxy.event('recovered')
    const again = () => found.ask('POST', '/payments', { invoice: request })
    await expect.poll(async () => (await again()).body.status, PATIENT).toBe('settled')
    expect((await again()).body.amount).toBe('50000')
    expect((await payee.end()).last).toMatchObject({ event: 'settled', received: '50000' })
    const { payments } = (await found.ask('GET', '/history')).body
    expect(payments.filter((one: { paymentHash: string }) => one.paymentHash === hash)).toHaveLength(1)
    proxy.signal('SIGTERM')
    expect((await proxy.end()).code).toBe(0)
  })
})
