import type { NWCClient } from '@getalby/sdk/nwc'
import type { Event, Relay } from 'nostr-tools'
import { StreamError } from '../../errors/error.ts'
import type { NwcConnection } from './connection.ts'
import { NoAnswer, WalletRefusal } from './errors.ts'
import { envelopeSchema, MAX_CONTENT, notificationSchema, readAnswer, readJson, serviceSchema } from './messages.ts'

/** Kinds of events of NIP-47. */
const KIND = { request: 23194, response: 23195, notification: 23197, notificationNip04: 23196 } as const

const CONNECT_MS = 5_000
const FIRST_MS = 10_000
const RETRY_MS = { first: 250, last: 5_000 }
/** A relay that refuses a request is asked again, with the same event: a wallet that has it after all answers once. */
const PUBLISH_PAUSE_MS = 1_000
/** Stored answers that are looked through after a reconnect. */
const BACKLOG = 20
/** Requests that wait for an answer. */
const MAX_PENDING = 1_000
/** How much later than asked for a wallet whose clock is off may still take a request. */
const CLOCK_SLACK_S = 60

type Encryption = 'nip44_v2' | 'nip04'

interface Pending {
  readonly asked: string
  readonly done: (answer: unknown) => void
  readonly fail: (error: Error) => void
}

export interface WalletService {
  readonly methods: readonly string[]
  readonly notifications: readonly string[]
}

/** Seals and opens what is between this connection and its wallet. */
interface Cipher {
  seal(text: string): string | Promise<string>
  open(text: string): string | Promise<string>
}

/**
 * Requests to a wallet through its relays. Keys, signatures, encryption and the relays' protocol are the libraries'; the requests are not
 * left to `NWCClient`, since it takes a subscription for each (relays allow about twenty), writes failures to the console, counts a relay that cannot be reached as a
 * published request, and never ends one whose answer cannot be decrypted.
 *
 * One subscription stands for all answers. An event counts only if the wallet signed it.
 */
export class WalletLink {
  /** Told of each notification's type and content, unread. */
  onNotification: (type: string, content: unknown) => void = () => {}
  /** Told when a relay is back after none was there: what was asked meanwhile has to be looked up. */
  onRestored: () => void = () => {}
  readonly #client: NWCClient
  readonly #connection: NwcConnection
  readonly #ciphers: Readonly<Record<Encryption, Cipher>>
  #encryption: Encryption = 'nip04'
  readonly #ready = new Map<string, Relay>()
  readonly #pending = new Map<string, Pending>()
  readonly #waiting = new Set<() => void>()
  readonly #pauses = new Set<() => void>()
  #closed = false

  private constructor(client: NWCClient, connection: NwcConnection, ciphers: Readonly<Record<Encryption, Cipher>>) {
    this.#client = client
    this.#connection = connection
    this.#ciphers = ciphers
    client.pool.enablePing = true
    for (const url of connection.relays) void this.#keep(url)
  }

  /**
   * Connects, and asks what the wallet's service says of itself.
   * @throws StreamError `node-library-missing`, `node-unreachable`, `node-failed`
   */
  static async open(
    connection: NwcConnection,
  ): Promise<{ readonly link: WalletLink; readonly service: WalletService }> {
    const { NWCClient, nip04, nip44, bytes } = await loadLibraries()
    const { wallet, secret, relays } = connection
    const client = new NWCClient({ walletPubkey: wallet, secret, relayUrls: [...relays] })
    const key = nip44.getConversationKey(bytes(secret), wallet)
    const link = new WalletLink(client, connection, {
      nip44_v2: { seal: (text) => nip44.encrypt(text, key), open: (text) => nip44.decrypt(text, key) },
      nip04: {
        seal: (text) => nip04.encrypt(secret, wallet, text),
        open: (text) => nip04.decrypt(secret, wallet, text),
      },
    })
    try {
      return { link, service: await link.#service() }
    } catch (error) {
      link.close()
      throw error
    }
  }

  /** This connection's public key: what keeps one wallet apart from others behind the same service. */
  get publicKey(): string {
    return this.#client.publicKey
  }

  /**
   * One request, one answer, unread.
   * @param validMs a wallet that sees it later than this leaves it alone
   * @throws WalletRefusal, NoAnswer
   */
  async request(method: string, params: object, options: { timeoutMs: number; validMs?: number }): Promise<unknown> {
    const untilMs = performance.now() + options.timeoutMs
    if (this.#closed) throw new NoAnswer('the connection to the wallet was closed', false)
    if (this.#pending.size >= MAX_PENDING)
      throw new NoAnswer(`${MAX_PENDING} requests wait for the wallet already`, false)
    if (!(await this.#connected(options.timeoutMs))) throw new NoAnswer(`no relay answers (${this.#hosts()})`, false)
    const event = await this.#sign(method, params, options.validMs)
    const answer = new Promise<unknown>((done, fail) => this.#pending.set(event.id, { asked: method, done, fail }))
    const timer = setTimeout(
      () => this.#pending.get(event.id)?.fail(new NoAnswer('the wallet did not answer in time', true)),
      Math.max(0, untilMs - performance.now()),
    )
    void this.#publish(event)
    try {
      return await answer
    } finally {
      clearTimeout(timer)
      this.#pending.delete(event.id)
    }
  }

  close(): void {
    this.#closed = true
    this.#failAll('the connection to the wallet was closed')
    for (const wake of [...this.#waiting, ...this.#pauses]) wake()
    this.#client.pool.destroy()
  }

  async #sign(method: string, params: object, validMs: number | undefined): Promise<Event> {
    const nowS = Math.floor(Date.now() / 1000)
    const expiration =
      validMs === undefined ? [] : [['expiration', `${nowS + Math.ceil(validMs / 1000) + CLOCK_SLACK_S}`]]
    return this.#client.signEvent({
      kind: KIND.request,
      created_at: nowS,
      tags: [['p', this.#connection.wallet], ['encryption', this.#encryption], ...expiration],
      content: await this.#ciphers[this.#encryption].seal(JSON.stringify({ method, params })),
    })
  }

  /** Hands a request to every relay, until one has taken it or nobody waits for its answer any more. */
  async #publish(event: Event): Promise<void> {
    while (this.#pending.has(event.id) && !this.#closed) {
      const taken = await Promise.any([...this.#ready.values()].map((relay) => relay.publish(event))).then(
        () => true,
        () => false,
      )
      if (taken) return
      await this.#pause(PUBLISH_PAUSE_MS)
    }
  }

  /** Keeps one relay: connected, with the subscription that all answers come through. */
  async #keep(url: string): Promise<void> {
    for (let retryMs = RETRY_MS.first; !this.#closed; ) {
      try {
        const relay = await this.#client.pool.ensureRelay(url, { connectionTimeout: CONNECT_MS })
        // What a relay has to say to people goes to no terminal.
        relay.onnotice = () => {}
        await this.#listen(url, relay, () => {
          retryMs = RETRY_MS.first
        })
      } catch {
        // Told to those who ask for something.
      }
      this.#lost(url)
      await this.#pause(retryMs)
      retryMs = Math.min(retryMs * 2, RETRY_MS.last)
    }
  }

  /** Resolves when the subscription has ended. */
  #listen(url: string, relay: Relay, stands: () => void): Promise<void> {
    return new Promise((resolve) => {
      const { notification, notificationNip04, response } = KIND
      const filter = {
        kinds: [response, notification, notificationNip04],
        authors: [this.#connection.wallet],
        '#p': [this.publicKey],
        limit: BACKLOG,
      }
      relay.subscribe([filter], {
        onevent: (event) => void this.#take(event).catch(() => {}),
        oneose: () => {
          if (this.#closed || !relay.connected) return
          stands()
          const first = this.#ready.size === 0
          this.#ready.set(url, relay)
          for (const wake of [...this.#waiting]) wake()
          if (first) this.onRestored()
        },
        onclose: () => resolve(),
      })
    })
  }

  #lost(url: string): void {
    if (!this.#ready.delete(url) || this.#ready.size > 0) return
    // An answer that is given while nobody listens is kept by hardly any relay.
    this.#failAll(`the relay is gone (${this.#hosts()})`)
  }

  #failAll(message: string): void {
    for (const { fail } of [...this.#pending.values()]) fail(new NoAnswer(message, true))
  }

  /** An event of the wallet: the library has checked its signature, and that it is what was subscribed to. */
  async #take(event: Event): Promise<void> {
    if (event.content.length > MAX_CONTENT * 2) return
    if (event.kind !== KIND.response) {
      const cipher = this.#ciphers[event.kind === KIND.notification ? 'nip44_v2' : 'nip04']
      const read = notificationSchema.safeParse(readJson(await cipher.open(event.content)))
      if (read.success) this.onNotification(read.data.notification_type, read.data.notification)
      return
    }
    const id = event.tags.find(([name]) => name === 'e')?.[1] ?? ''
    const pending = this.#pending.get(id)
    if (!pending) return
    try {
      const { error, result } = readAnswer(envelopeSchema, readJson(await this.#open(event.content)), pending.asked)
      if (error) pending.fail(new WalletRefusal(error.code, error.message ?? ''))
      else pending.done(result)
    } catch {
      pending.fail(new NoAnswer("the wallet's answer cannot be read", true))
    }
  }

  #open(content: string): string | Promise<string> {
    return this.#ciphers[this.#encryption].open(content)
  }

  async #service(): Promise<WalletService> {
    if (!(await this.#connected(FIRST_MS))) {
      throw new StreamError('node-unreachable', `no relay of this wallet answers (${this.#hosts()})`)
    }
    const said = await this.#client.getWalletServiceInfo().catch(() => {
      const message = `the relay has no word of this wallet (${this.#hosts()}): does the wallet run, and is the connection still there?`
      throw new StreamError('node-unreachable', message)
    })
    const { encryptions, capabilities, notifications } = readAnswer(serviceSchema, said, 'what it can do')
    if (encryptions.includes('nip44_v2')) this.#encryption = 'nip44_v2'
    else if (!encryptions.includes('nip04')) {
      throw new StreamError('node-unable', 'the wallet speaks neither nip44_v2 nor nip04')
    }
    return { methods: capabilities, notifications }
  }

  async #connected(timeoutMs: number): Promise<boolean> {
    const untilMs = performance.now() + timeoutMs
    while (this.#ready.size === 0 && !this.#closed && performance.now() < untilMs) {
      await this.#sleep(untilMs - performance.now(), this.#waiting)
    }
    return this.#ready.size > 0 && !this.#closed
  }

  #pause(ms: number): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#sleep(ms, this.#pauses)
  }

  #sleep(ms: number, among: Set<() => void>): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        among.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      among.add(wake)
    })
  }

  #hosts(): string {
    return this.#connection.relays.map((url) => new URL(url).host).join(', ')
  }
}

async function loadLibraries() {
  try {
    const [{ NWCClient }, nip04, nip44, { hexToBytes }] = await Promise.all([
      import('@getalby/sdk/nwc'),
      import('nostr-tools/nip04'),
      import('nostr-tools/nip44'),
      import('@noble/hashes/utils.js'),
    ])
    return { NWCClient, nip04, nip44, bytes: hexToBytes }
  } catch (error) {
    const message = 'Nostr Wallet Connect needs the npm package "@getalby/sdk"'
    throw new StreamError('node-library-missing', message, { package: '@getalby/sdk' }, error)
  }
}
