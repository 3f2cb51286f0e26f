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
const HANDSHAKE_MS = 5_000
const OPENING_MS = 20_000
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
    throw new StreamError('node-unreachable', `the channel to ${publicKey} did not become usable`)
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

  async #open(publicKey: string, amountMsat: bigint): Promise<void> {
    await this.dial(publicKey)
    const half = (this.#channelSat * 1000n) / 2n
    const spare = this.freshOutboundMsat - amountMsat
    const before = new Set(this.channelsWith(publicKey).map(({ id }) => id))
    unwrap(
      this.#node.manager.create_channel(
        fromHex(publicKey),
        this.#channelSat,
        spare < half ? spare : half,
        0n,
        null,
        null,
      ),
      ldk.Result_ChannelIdAPIErrorZ_OK,
      'opening a channel',
    )
    this.#node.wake()
    const isUsable = () => this.channelsWith(publicKey).some(({ id, usable }) => usable && !before.has(id))
    if (await this.until(isUsable, OPENING_MS)) return
    throw new StreamError('node-unreachable', `the channel to ${publicKey} did not become usable`)
  }

  async #dial(publicKey: string): Promise<void> {
    if (this.#isConnected(publicKey)) return
    const peer = this.#registry.find(publicKey)
    if (!peer) throw new StreamError('node-unreachable', `no node ${publicKey} runs on this machine`)
    if (peer.host !== LOOPBACK)
      throw new StreamError('network-refused', `the embedded node connects to ${LOOPBACK} only`)
    const socket = connect(peer.port, LOOPBACK)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
      })
    } catch (error) {
      throw new StreamError('node-unreachable', `the node ${publicKey} does not answer`, {}, error)
    }
    this.#node.transport.startOutbound(socket, fromHex(publicKey))
    if (await this.until(() => this.#isConnected(publicKey), HANDSHAKE_MS)) return
    throw new StreamError('node-unreachable', `the node ${publicKey} does not finish its handshake`)
  }

  #isConnected(publicKey: string): boolean {
    return this.#node.peers.list_peers().some((peer) => toHex(peer.get_counterparty_node_id()) === publicKey)
  }

  /** Dials the peers of channels that are down. Both sides may; LDK keeps one connection. */
  #reconnect(): void {
    if (!this.#mayBeDown) return
    const down = new Set(
      channelStates(this.#node.manager)
        .filter(({ usable }) => !usable)
        .map(({ peer }) => peer),
    )
    this.#mayBeDown = down.size > 0
    for (const publicKey of down) {
      if (!this.isKnown(publicKey)) continue
      // A peer that has just gone away is tried again with the next tick.
      this.dial(publicKey).catch(() => {})
    }
  }
}

/** Runs `start` unless it is already running for `key`, and gives every caller the same outcome. */
function shared(running: Map<string, Promise<void>>, key: string, start: () => Promise<void>): Promise<void> {
  const current = running.get(key)
  if (current) return current
  const started = start().finally(() => running.delete(key))
  running.set(key, started)
  return started
}
