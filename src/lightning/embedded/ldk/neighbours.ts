import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import * as ldk from 'lightningdevkit'
import { StreamError } from '../../../errors/error.ts'
import { fromHex, toHex } from '../chain/bytes.ts'
import type { Peer, Registry } from '../registry.ts'
import { HEARTBEAT_MS } from '../registry.ts'
import { type ChannelState, channelStates } from './channels.ts'
import type { LdkNode } from './node.ts'
import { unwrap } from './results.ts'

/** The only address this node listens on or connects to. */
const LOOPBACK = '127.0.0.1'
const RECONNECT_MS = 300
/** Every how many ticks a node dials although it is the other's turn. */
const PATIENT_TICKS = 4
const HANDSHAKE_MS = 5_000
const JITTER_MS = 250
const OPENING_MS = 20_000
const MAX_OPENINGS = 3
/** What a fresh channel keeps back of its capacity: the reserve of 1 % on our side, and the commitment's fee. */
const UNSPENDABLE_PER_MILLE = 30n

/** Peers and channels: listening, finding, dialling, opening. */
export class Neighbours {
  readonly #node: LdkNode
  readonly #registry: Registry
  readonly #channelSat: bigint
  readonly #dials = new Map<string, Promise<void>>()
  readonly #openings = new Map<string, Promise<void>>()
  readonly #waits = new Set<{ check(): boolean; resolve(met: boolean): void }>()
  readonly #timers: NodeJS.Timeout[] = []
  /** Some channel may be without its peer. Listing channels costs WASM memory, so it is not done to find that out. */
  #mayBeDown = true
  #ticks = 0
  #server: Server | undefined
  #self: Peer | undefined

  constructor(node: LdkNode, registry: Registry, channelSat: bigint) {
    this.#node = node
    this.#registry = registry
    this.#channelSat = channelSat
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#node.transport.acceptInbound(socket))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, LOOPBACK, resolve)
    })
    const address = server.address()
    if (typeof address !== 'object' || !address) throw new Error('the listener has no address')
    const self = { publicKey: this.#node.publicKey, host: LOOPBACK, port: address.port }
    this.#self = self
    this.#registry.announce(self)
    this.#timers.push(
      setInterval(() => this.#registry.announce(self), HEARTBEAT_MS),
      setInterval(() => this.#reconnect(), RECONNECT_MS),
    )
    this.#reconnect()
  }

  /** Looks again at what is waited for. To be called after every turn. */
  onTurn(): void {
    for (const wait of this.#waits) {
      if (!wait.check()) continue
      this.#waits.delete(wait)
      wait.resolve(true)
    }
  }

  onDisconnect(): void {
    this.#mayBeDown = true
  }

  channelsWith(publicKey: string): ChannelState[] {
    return channelStates(this.#node.manager).filter(({ peer }) => peer === publicKey)
  }

  isKnown(publicKey: string): boolean {
    return this.#registry.find(publicKey) !== undefined
  }

  /** The most a new channel lets us send. */
  get freshOutboundMsat(): bigint {
    return (this.#channelSat * 1000n * (1000n - UNSPENDABLE_PER_MILLE)) / 1000n
  }

  /** Waits until a turn after which `check` holds. Resolves to whether it did within the time. */
  until(check: () => boolean, timeoutMs: number): Promise<boolean> {
    if (check()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waits.delete(wait)
        resolve(false)
      }, timeoutMs)
      const wait = {
        check,
        resolve: (met: boolean) => {
          clearTimeout(timer)
          resolve(met)
        },
      }
      this.#waits.add(wait)
    })
  }

  /**
   * Makes sure of a usable channel, old or new.
   * @throws StreamError `node-unreachable`
   */
  async ensureChannel(publicKey: string): Promise<void> {
    const isUsable = () => this.channelsWith(publicKey).some(({ usable }) => usable)
    if (isUsable()) return
    await this.dial(publicKey)
    if (this.channelsWith(publicKey).length === 0) return this.open(publicKey, 0n)
    if (await this.until(isUsable, OPENING_MS)) return
    throw unreachable(publicKey, 'did not make the channel usable')
  }

  /**
   * Opens a channel of which half, or less if `amountMsat` needs more, belongs to the peer, and waits until it is usable.
   * Calls for the same peer share one opening.
   * @throws StreamError `node-unreachable`
   */
  open(publicKey: string, amountMsat: bigint): Promise<void> {
    return shared(this.#openings, publicKey, () => this.#open(publicKey, amountMsat))
  }

  /** Connects to a peer of this machine. @throws StreamError `node-unreachable` */
  dial(publicKey: string): Promise<void> {
    return shared(this.#dials, publicKey, () => this.#dial(publicKey))
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#server?.close()
    if (this.#self) this.#registry.remove(this.#self)
    for (const { resolve } of this.#waits) resolve(false)
    this.#waits.clear()
  }

  /** Opens, again if the peer goes away meanwhile: LDK forgets a channel that is not yet funded when its peer leaves. */
  async #open(publicKey: string, amountMsat: bigint): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.dial(publicKey)
      if (await this.#openOnce(publicKey, amountMsat)) return
      if (tries === MAX_OPENINGS) throw unreachable(publicKey, 'did not make the channel usable')
    }
  }

  /** Whether the new channel became usable; otherwise it is gone. */
  async #openOnce(publicKey: string, amountMsat: bigint): Promise<boolean> {
    const half = (this.#channelSat * 1000n) / 2n
    const spare = this.freshOutboundMsat - amountMsat
    const push = spare < half ? spare : half
    const mark = randomBytes(8).readBigUInt64LE()
    unwrap(
      this.#node.manager.create_channel(fromHex(publicKey), this.#channelSat, push, mark, null, null),
      ldk.Result_ChannelIdAPIErrorZ_OK,
      'opening a channel',
    )
    this.#node.wake()
    const opened = () => channelStates(this.#node.manager).find((channel) => channel.mark === mark)
    await this.until(() => opened()?.usable !== false, OPENING_MS)
    return opened()?.usable ?? false
  }

  /** Tries until it succeeds, the time is up, or the registry no longer knows the peer: it may be starting again. */
  async #dial(publicKey: string): Promise<void> {
    for (const deadline = Date.now() + HANDSHAKE_MS; !this.#isConnected(publicKey); ) {
      const peer = this.#registry.find(publicKey)
      if (!peer) throw unreachable(publicKey, 'does not run on this machine')
      if (await this.#greet(peer)) return
      if (Date.now() > deadline) throw unreachable(publicKey, 'does not answer')
      // Two nodes that dial each other at once refuse each other's call, and again unless one of them waits longer.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * JITTER_MS))
    }
  }

  /** Connects and shakes hands. Whether the peer is connected then, by this or by its own call. */
  async #greet({ publicKey, host, port }: Peer): Promise<boolean> {
    if (host !== LOOPBACK) throw new StreamError('network-refused', `the embedded node connects to ${LOOPBACK} only`)
    const socket = connect(port, host)
    try {
      await once(socket, 'connect')
    } catch {
      return false
    }
    this.#node.transport.startOutbound(socket, fromHex(publicKey))
    await this.until(() => socket.destroyed || this.#isConnected(publicKey), HANDSHAKE_MS)
    return this.#isConnected(publicKey)
  }

  #isConnected(publicKey: string): boolean {
    return this.#node.peers.list_peers().some((peer) => toHex(peer.get_counterparty_node_id()) === publicKey)
  }

  /** Dials the peers of channels that are down. Of two nodes, the one with the greater key mostly leaves it to the other. */
  #reconnect(): void {
    this.#ticks++
    if (!this.#mayBeDown) return
    const down = new Set(
      channelStates(this.#node.manager)
        .filter(({ usable }) => !usable)
        .map(({ peer }) => peer),
    )
    this.#mayBeDown = down.size > 0
    for (const publicKey of down) {
      const isOurs = this.#node.publicKey < publicKey || this.#ticks % PATIENT_TICKS === 0
      if (!isOurs || !this.isKnown(publicKey)) continue
      // A peer that has just gone away is tried again with the next tick.
      this.dial(publicKey).catch(() => {})
    }
  }
}

const unreachable = (publicKey: string, what: string): StreamError =>
  new StreamError('node-unreachable', `the node ${publicKey} ${what}`)

/** Runs `start` unless it is already running for `key`, and gives every caller the same outcome. */
function shared(running: Map<string, Promise<void>>, key: string, start: () => Promise<void>): Promise<void> {
  const current = running.get(key)
  if (current) return current
  const started = start().finally(() => running.delete(key))
  running.set(key, started)
  return started
}
