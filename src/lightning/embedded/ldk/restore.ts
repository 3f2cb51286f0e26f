import * as ldk from 'lightningdevkit'
import { StreamError } from '../../../errors/error.ts'
import { type Block, parseBlock } from '../chain/block.ts'
import type { Chain } from '../chain/chain.ts'
import type { StateStore, StoredMonitor } from '../state/store.ts'
import type { Callbacks } from './callbacks.ts'
import { userConfig } from './config.ts'
import { unwrap } from './results.ts'

/** The parts of a node that are made anew with every start, around the state that is not. */
export interface Parts {
  readonly callbacks: Callbacks
  readonly keys: ldk.KeysManager
  readonly entropy: ldk.EntropySource
  readonly nodeSigner: ldk.NodeSigner
  readonly signerProvider: ldk.SignerProvider
  readonly chainMonitor: ldk.ChainMonitor
  readonly graph: ldk.NetworkGraph
  readonly router: ldk.Router
  readonly messageRouter: ldk.MessageRouter
}

export function makeParts(seed: Uint8Array, callbacks: Callbacks): Parts {
  const { logger, broadcaster, feeEstimator, persister } = callbacks
  const now = Date.now()
  const keys = ldk.KeysManager.constructor_new(seed, BigInt(Math.floor(now / 1000)), (now % 1000) * 1_000_000)
  const entropy = keys.as_EntropySource()
  const graph = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Regtest, logger)
  const scorer = ldk.ProbabilisticScorer.constructor_new(
    ldk.ProbabilisticScoringDecayParameters.constructor_default(),
    graph,
    logger,
  )
  const router = ldk.DefaultRouter.constructor_new(
    graph,
    logger,
    entropy,
    ldk.MultiThreadedLockableScore.constructor_new(scorer.as_Score()).as_LockableScore(),
    ldk.ProbabilisticScoringFeeParameters.constructor_default(),
  )
  return {
    callbacks,
    keys,
    entropy,
    nodeSigner: keys.as_NodeSigner(),
    signerProvider: keys.as_SignerProvider(),
    chainMonitor: ldk.ChainMonitor.constructor_new(
      ldk.Option_FilterZ.constructor_none(),
      broadcaster,
      logger,
      feeEstimator,
      persister,
    ),
    graph,
    router: router.as_Router(),
    messageRouter: ldk.DefaultMessageRouter.constructor_new(graph, entropy).as_MessageRouter(),
  }
}

/** The channel manager as it was last written, or a new one that starts at the chain's tip. */
export function makeManager(parts: Parts, store: StateStore, chain: Chain): ldk.ChannelManager {
  const saved = store.manager()
  return saved ? restoreManager(saved, parts, store, chain) : newManager(parts, chain)
}

function newManager(parts: Parts, chain: Chain): ldk.ChannelManager {
  const { logger, broadcaster, feeEstimator } = parts.callbacks
  const { hash, height } = chain.tip
  return ldk.ChannelManager.constructor_new(
    feeEstimator,
    parts.chainMonitor.as_Watch(),
    broadcaster,
    parts.router,
    parts.messageRouter,
    logger,
    parts.entropy,
    parts.nodeSigner,
    parts.signerProvider,
    userConfig(),
    ldk.ChainParameters.constructor_new(ldk.Network.LDKNetwork_Regtest, ldk.BestBlock.constructor_new(hash, height)),
    Math.floor(chain.tipTimeMs / 1000),
  )
}

function restoreManager(saved: Uint8Array, parts: Parts, store: StateStore, chain: Chain): ldk.ChannelManager {
  const { logger, broadcaster, feeEstimator } = parts.callbacks
  const watch = parts.chainMonitor.as_Watch()
  const monitors = store.monitors().map((stored) => restoreMonitor(stored, parts))
  const result = ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelManagerZ_read(
    saved,
    parts.entropy,
    parts.nodeSigner,
    parts.signerProvider,
    feeEstimator,
    watch,
    broadcaster,
    parts.router,
    parts.messageRouter,
    logger,
    userConfig(),
    monitors,
  )
  const manager = corruptUnless(() =>
    unwrap(result, ldk.Result_C2Tuple_ThirtyTwoBytesChannelManagerZDecodeErrorZ_OK, 'reading the channel manager'),
  ).get_b()
  // Manager and monitors are brought to one height, whatever others mine meanwhile; from there on both are told alike.
  const { height } = chain.tip
  for (const monitor of monitors) {
    catchUp(monitor.current_best_block(), height, chain, ({ raw, height }) => {
      const { header, transactions } = parseBlock(raw)
      const indexed = transactions.map((transaction, index) =>
        ldk.TwoTuple_usizeTransactionZ.constructor_new(index, transaction.raw),
      )
      monitor.block_connected(header, indexed, height, broadcaster, feeEstimator, logger)
    })
    const watched = watch.watch_channel(monitor.get_funding_txo().get_a(), monitor)
    if (!watched.is_ok()) throw new StreamError('node-corrupt', 'a channel monitor was stored twice')
  }
  const listen = manager.as_Listen()
  catchUp(manager.current_best_block(), height, chain, (block) => listen.block_connected(block.raw, block.height))
  return manager
}

function restoreMonitor({ whole, updates }: StoredMonitor, parts: Parts): ldk.ChannelMonitor {
  const { logger, broadcaster, feeEstimator } = parts.callbacks
  return corruptUnless(() => {
    const monitor = unwrap(
      ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelMonitorZ_read(
        whole,
        parts.entropy,
        parts.signerProvider,
      ),
      ldk.Result_C2Tuple_ThirtyTwoBytesChannelMonitorZDecodeErrorZ_OK,
      'reading a channel monitor',
    ).get_b()
    for (const bytes of updates) {
      const update = unwrap(
        ldk.ChannelMonitorUpdate.constructor_read(bytes),
        ldk.Result_ChannelMonitorUpdateDecodeErrorZ_OK,
        'reading a monitor update',
      )
      if (update.get_update_id() <= monitor.get_latest_update_id()) continue
      const applied = monitor.update_monitor(update, broadcaster, feeEstimator, logger)
      if (!applied.is_ok()) throw new Error('a monitor update does not fit')
    }
    return monitor
  })
}

/** Shows the blocks above `best` up to `height`. */
function catchUp(best: ldk.BestBlock, height: number, chain: Chain, show: (block: Block) => void): void {
  assertOnChain(best, chain)
  for (let shown = best.get_height(); shown < height; ) {
    for (const block of chain.blocksAfter(shown, Math.min(100, height - shown))) {
      show(block)
      shown = block.height
    }
  }
}

/** The state may not be ahead of the chain, or beside it: `chain.db` was replaced, and the channels are nowhere. */
function assertOnChain(best: ldk.BestBlock, chain: Chain): void {
  const block = chain.blockAt(best.get_height())
  if (block && Buffer.from(block.hash).equals(best.get_block_hash())) return
  throw new StreamError('node-corrupt', `the private chain does not hold the node's block at ${best.get_height()}`)
}

function corruptUnless<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new StreamError('node-corrupt', (error as Error).message, {}, error)
  }
}
