import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { StreamError } from '../../errors/error.ts'
import { msat } from '../../money/msat.ts'
import { type NodeCalls, type NodeNotice, STOP, type WorkerStart } from './calls.ts'
import { Chain } from './chain/chain.ts'
import { nodeFailed } from './failure.ts'
import { channelStates } from './ldk/channels.ts'
import { createInvoice } from './ldk/invoices.ts'
import { loadLdk } from './ldk/load.ts'
import { Neighbours } from './ldk/neighbours.ts'
import { LdkNode } from './ldk/node.ts'
import { signMessage } from './ldk/sign.ts'
import { Payer } from './payer/payer.ts'
import { Registry } from './registry.ts'
import { answer, toWire } from './rpc.ts'
import { StateStore } from './state/store.ts'

const POLL_CHAIN_MS = 40
/** LDK's clock is the chain's. A block at least this often keeps invoices and HTLCs of this time. */
const HEARTBEAT_BLOCK_MS = 45_000
const HEARTBEAT_CHECK_MS = 5_000
const PEER_TICK_MS = 10_000
/** LDK forgets finished payments after some of these; rarer ticks would let its state, written every turn, grow. */
const MANAGER_TICK_MS = 2_000

const port = parentPort!
const tell = (notice: NodeNotice): void => port.postMessage(notice)

async function run({ chainPath, directory, alias, channelSat, paused, logs }: WorkerStart): Promise<void> {
  const memory = await loadLdk()
  const chain = Chain.open(chainPath)
  const store = StateStore.open(join(directory, 'node.db'))
  const node = new LdkNode(store, chain, {
    onPayment: (news) => payer.onPayment(news),
    onSettled: (settlements) => tell({ notice: 'settled', settlements }),
    onTurn: () => {
      payer.onTurn()
      neighbours.onTurn()
    },
    onDisconnect: () => neighbours.onDisconnect(),
    onFatal: fail,
    onOutdated: (error) => tell({ notice: 'fatal', error: toWire(error) }),
    log: logs ? (line) => tell({ notice: 'log', line }) : undefined,
  })
  const neighbours = new Neighbours(node, new Registry(chain.db), channelSat)
  const payer = new Payer(node, neighbours, store.payments, paused)
  chain.heartbeat(HEARTBEAT_BLOCK_MS)
  node.start()
  payer.resume()
  await neighbours.listen()

  const timers = [
    setInterval(() => chain.hasChanged() && node.connectBlocks(), POLL_CHAIN_MS),
    setInterval(() => {
      chain.heartbeat(HEARTBEAT_BLOCK_MS)
      node.connectBlocks()
      tell({ notice: 'memory', bytes: memory.buffer.byteLength })
    }, HEARTBEAT_CHECK_MS),
    setInterval(() => {
      node.manager.timer_tick_occurred()
      node.wake()
    }, MANAGER_TICK_MS),
    setInterval(() => {
      node.peers.timer_tick_occurred()
      node.wake()
    }, PEER_TICK_MS),
  ]

  const calls: NodeCalls = {
    info() {
      const channels = channelStates(node.manager)
      return {
        kind: 'embedded',
        network: 'regtest',
        publicKey: node.publicKey,
        alias,
        canSend: msat(channels.reduce((sum, { canSend }) => sum + canSend, 0n)),
        canReceive: msat(channels.reduce((sum, { canReceive }) => sum + canReceive, 0n)),
        abilities: { sign: true, settlements: 'pushed', keysend: true, anyAmount: true },
      }
    },
    createInvoices(requests) {
      const { tipTimeMs } = chain
      const made = requests.map((request) => createInvoice(node.manager, request, tipTimeMs))
      if (made.length > 0) store.invoices.add(made)
      return made.map(({ request, paymentHash }) => ({ request, paymentHash }))
    },
    pay: (payment) => payer.pay(payment),
    keysend: (payment) => payer.keysend(payment),
    lookupPayment: (paymentHash) => payer.lookup(paymentHash),
    lookupInvoice: (paymentHash) => store.settledAmount(paymentHash),
    findInvoice: (paymentHash) => store.invoices.find(paymentHash),
    listInvoices: (limit) => store.invoices.newest(limit),
    settlementsAfter: (since) => store.settlementsAfter(since),
    signMessage: (text) => signMessage(node.parts.keys, text),
    async openChannelTo(publicKey) {
      if (publicKey === node.publicKey) throw new StreamError('option-invalid', 'a node has no channel to itself')
      await neighbours.ensureChannel(publicKey)
    },
    channels: () =>
      channelStates(node.manager).map(({ id, peer, capacitySat, usable, canSend, canReceive }) => ({
        id,
        peer,
        capacitySat,
        usable,
        canSend,
        canReceive,
      })),
    pausePayments: (paused) => payer.pause(paused),
  }
  const stop = () => {
    for (const timer of timers) clearInterval(timer)
    neighbours.close()
    node.stop()
    store.close()
    chain.close()
    process.exit()
  }
  port.on('message', (message) => (message === STOP ? stop() : answer(calls, message, port)))
  tell({ notice: 'ready' })
}

/** Stops at once: a state that cannot be written must not be acted on. The main thread starts again from the disk. */
function fail(error: unknown): void {
  tell({ notice: 'fatal', error: toWire(nodeFailed(error, (workerData as WorkerStart).directory)) })
  process.exit(1)
}

// Timers write too, and LDK panics where there is nobody to catch it.
process.on('uncaughtException', fail)
run(workerData as WorkerStart).catch(fail)
