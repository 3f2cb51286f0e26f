import { hexToBytes } from '@noble/hashes/utils.js'
import { AbstractRelay } from 'nostr-tools/abstract-relay'
import { decrypt, encrypt, getConversationKey } from 'nostr-tools/nip44'
import { finalizeEvent, getPublicKey, type NostrEvent, verifyEvent } from 'nostr-tools/pure'
import type { NwcConnection } from '../../lightning/nwc/connection.ts'
import { secp256k1 } from '../standIns/nostrCurve.ts'

/** Kinds of events of NIP-47. */
const KIND = { info: 13194, request: 23194, response: 23195 } as const
const CONNECT_MS = 5_000
/** The wallet's word on itself, which lies at its relay. */
const INFO_MS = 10_000
/** Earlier answers that a relay may show. */
const BACKLOG = 20
/** Of one answer, sealed: no honest one comes near. */
const MAX_CONTENT = 128 << 10

type Encryption = 'nip44_v2' | 'nip04'

/** Seals and opens what is between this page and its wallet. */
interface Cipher {
  readonly encryption: Encryption
  seal(text: string): string | Promise<string>
  open(text: string): string | Promise<string>
}

interface Pending {
  readonly done: (result: unknown) => void
  readonly fail: (error: Error) => void
}

/** What the wallet itself said of a request: it has done nothing, or says why. */
class Refused extends Error {
  readonly code: string

  constructor({ code, message }: { readonly code?: unknown; readonly message?: unknown }) {
    super(typeof message === 'string' ? message : 'the wallet gives no reason')
    this.code = typeof code === 'string' ? code : ''
  }
}

/**
 * Requests to a wallet through its relays (NIP-47), in a page. Keys, signatures, encryption and the relays' protocol are the libraries'. One
 * subscription at each relay stands for all answers, and is made anew with the next request when its relay was lost. An event counts only if
 * the wallet signed it.
 */
export class NwcLink {
  readonly #connection: NwcConnection
  readonly #secret: Uint8Array
  readonly #relays: readonly AbstractRelay[]
  /** Relays that are being asked for answers, and those of them that have taken it. */
  readonly #standing = new Map<AbstractRelay, Promise<void>>()
  readonly #ready = new Set<AbstractRelay>()
  readonly #pending = new Map<string, Pending>()
  #cipher: Promise<Cipher> | undefined

  constructor(connection: NwcConnection) {
    this.#connection = connection
    this.#secret = hexToBytes(connection.secret)
    this.#relays = connection.relays.map((url) => {
      const relay = new AbstractRelay(url, { verifyEvent, enablePing: true })
      relay.onclose = () => this.#lost(relay)
      // What a relay has to say to people is for none here.
      relay.onnotice = () => {}
      return relay
    })
  }

  /**
   * One request, one answer, unread.
   * @throws the wallet's refusal, with its code; any other Error where nobody knows what became of the request
   */
  async request(method: string, params: object, timeoutMs: number): Promise<unknown> {
    await this.#listening()
    this.#cipher ??= this.#chosenCipher()
    this.#cipher.catch(() => {
      this.#cipher = undefined
    })
    const { encryption, seal } = await this.#cipher
    const { wallet } = this.#connection
    const template = {
      kind: KIND.request,
      created_at: Math.floor(Date.now() / 1000),
      tags: [
        ['p', wallet],
        ['encryption', encryption],
      ],
      content: await seal(JSON.stringify({ method, params })),
    }
    const { id, ...event } = finalizeEvent(template, this.#secret)
    const answer = Promise.withResolvers<unknown>()
    this.#pending.set(id, { done: answer.resolve, fail: answer.reject })
    const timer = setTimeout(() => answer.reject(new Error('the wallet did not answer in time')), timeoutMs)
    const publishing = [...this.#ready].map((relay) => relay.publish({ id, ...event }))
    Promise.any(publishing).catch(() => answer.reject(new Error('no relay has taken the request')))
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  close(): void {
    for (const relay of this.#relays) relay.close()
  }

  /** Resolves when answers are listened for at one relay at least. */
  async #listening(): Promise<void> {
    const standing = this.#relays.map((relay) => {
      const stands = this.#standing.get(relay) ?? this.#stand(relay)
      this.#standing.set(relay, stands)
      return stands
    })
    await Promise.any(standing).catch(() => {
      throw new Error('no relay of the wallet answers')
    })
  }

  async #stand(relay: AbstractRelay): Promise<void> {
    const stands = Promise.withResolvers<void>()
    try {
      await relay.connect({ timeout: CONNECT_MS })
      const filter = {
        kinds: [KIND.response],
        authors: [this.#connection.wallet],
        '#p': [getPublicKey(this.#secret)],
        // Not by the time: clocks differ.
        limit: BACKLOG,
      }
      relay.subscribe([filter], {
        onevent: (event) => void this.#take(event),
        oneose: stands.resolve,
        onclose: () => {
          stands.reject(new Error('the relay ended it'))
          this.#lost(relay)
        },
      })
      await stands.promise
      this.#ready.add(relay)
    } catch (error) {
      this.#standing.delete(relay)
      throw error
    }
  }

  #lost(relay: AbstractRelay): void {
    this.#standing.delete(relay)
    if (!this.#ready.delete(relay) || this.#ready.size > 0) return
    // An answer that is given while nobody listens is kept by hardly any relay.
    for (const { fail } of this.#pending.values()) fail(new Error('the relay is gone'))
  }

  async #take({ kind, content, tags }: NostrEvent): Promise<void> {
    const pending = this.#pending.get(tags.find(([name]) => name === 'e')?.[1] ?? '')
    if (!pending || kind !== KIND.response || content.length > MAX_CONTENT) return
    try {
      const { error, result } = JSON.parse(await (await this.#cipher)!.open(content))
      if (error) pending.fail(new Refused(error))
      else pending.done(result)
    } catch {
      pending.fail(new Error("the wallet's answer cannot be read"))
    }
  }

  /** What its info event says that the wallet can open: NIP-44 if it can, else NIP-04. */
  async #chosenCipher(): Promise<Cipher> {
    const info = Promise.withResolvers<NostrEvent>()
    const filter = { kinds: [KIND.info], authors: [this.#connection.wallet], limit: 1 }
    const asked = [...this.#ready].map((relay) => relay.subscribe([filter], { onevent: info.resolve }))
    const timer = setTimeout(() => info.reject(new Error('the relay has no word of this wallet')), INFO_MS)
    try {
      const { tags } = await info.promise
      const named = (name: string) => tags.find(([tag]) => tag === name)?.[1]
      const known = named('encryption')?.split(' ') ?? [named('v')?.includes('1.0') ? 'nip44_v2' : 'nip04']
      if (known.includes('nip44_v2')) return nip44(this.#secret, this.#connection.wallet)
      if (known.includes('nip04')) return nip04(this.#secret, this.#connection.wallet)
      throw new Error('the wallet speaks neither nip44_v2 nor nip04')
    } finally {
      clearTimeout(timer)
      for (const subscription of asked) subscription.close()
    }
  }
}

function nip44(secret: Uint8Array, wallet: string): Cipher {
  const key = getConversationKey(secret, wallet)
  return { encryption: 'nip44_v2', seal: (text) => encrypt(text, key), open: (text) => decrypt(text, key) }
}

/** NIP-04, for wallets that speak nothing newer: AES is the browser's own. */
export function nip04(secret: Uint8Array, wallet: string): Cipher {
  const shared = secp256k1.getSharedSecret(secret, hexToBytes(`02${wallet}`)).slice(1, 33)
  const key = crypto.subtle.importKey('raw', shared, 'AES-CBC', false, ['encrypt', 'decrypt'])
  const aes = (iv: Uint8Array<ArrayBuffer>) => ({ name: 'AES-CBC', iv })
  return {
    encryption: 'nip04',
    async seal(text) {
      const iv = crypto.getRandomValues(new Uint8Array(16))
      const sealed = await crypto.subtle.encrypt(aes(iv), await key, new TextEncoder().encode(text))
      return `${toBase64(new Uint8Array(sealed))}?iv=${toBase64(iv)}`
    },
    async open(text) {
      const [sealed, iv = ''] = text.split('?iv=')
      const opened = await crypto.subtle.decrypt(aes(fromBase64(iv)), await key, fromBase64(sealed!))
      return new TextDecoder().decode(opened)
    },
  }
}

const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
