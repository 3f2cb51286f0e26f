import * as ldk from 'lightningdevkit'
import { StreamError } from '../../../errors/error.ts'
import { toHex } from '../chain/bytes.ts'
import type { MonitorWrite } from '../state/store.ts'
import { FEE_SAT_PER_1000_WEIGHT } from './config.ts'

/**
 * A monitor is written whole again when its updates have come to this many bytes, or to as many as it has itself: it
 * grows by 100 to 150 bytes with every payment, and so stays a fixed share of what is written.
 */
const MIN_UPDATE_BYTES = 256 * 1024
const WARN: number = ldk.Level.LDKLevel_Warn
const ERROR: number = ldk.Level.LDKLevel_Error
/** What LDK says before it panics because its state was set back: going on could cost the whole channel. */
const OUTDATED = /^We have fallen behind/
/** An update without a place of its own in the sequence; LDK uses it for closed channels of older versions. */
const NO_SEQUENCE = 0xffff_ffff_ffff_ffffn

/**
 * The interfaces that LDK calls back into. They only take note: LDK must not be entered again from inside a callback, and
 * an exception must not cross it, so the first failure is kept for the turn to find.
 */
export class Callbacks {
  readonly logger: ldk.Logger
  readonly feeEstimator: ldk.FeeEstimator
  readonly broadcaster: ldk.BroadcasterInterface
  readonly persister: ldk.Persist
  readonly eventHandler: ldk.EventHandler
  fault: unknown
  #monitors: MonitorWrite[] = []
  #broadcasts: Uint8Array[] = []
  #events: ldk.Event[] = []
  /** What may still be written as updates, by channel. A channel not yet seen in this run starts with nothing. */
  readonly #updateBudget = new Map<string, number>()

  constructor(onOutdated: (error: StreamError) => void, log: ((line: string) => void) | undefined) {
    this.logger = ldk.Logger.new_impl({
      log: (record) =>
        this.#note(() => {
          if (record.get_level() === ERROR && OUTDATED.test(record.get_args())) {
            onOutdated(new StreamError('node-corrupt', 'the stored state is older than what a peer has seen of it'))
          }
          if (log && record.get_level() >= WARN) log(`${record.get_module_path()}: ${record.get_args()}`)
        }),
    })
    this.feeEstimator = ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: () => FEE_SAT_PER_1000_WEIGHT })
    this.broadcaster = ldk.BroadcasterInterface.new_impl({
      broadcast_transactions: (transactions) => this.#note(() => void this.#broadcasts.push(...transactions)),
    })
    this.persister = ldk.Persist.new_impl({
      persist_new_channel: (outpoint, monitor) => this.#persist(outpoint, null, monitor),
      update_persisted_channel: (outpoint, update, monitor) => this.#persist(outpoint, update, monitor),
      archive_persisted_channel: () => {},
    })
    this.eventHandler = ldk.EventHandler.new_impl({
      handle_event: (event) => {
        this.#events.push(event)
        return ldk.Result_NoneReplayEventZ.constructor_ok()
      },
    })
  }

  get hasWrites(): boolean {
    return this.#monitors.length > 0 || this.#broadcasts.length > 0
  }

  takeMonitors(): MonitorWrite[] {
    const taken = this.#monitors
    this.#monitors = []
    return taken
  }

  takeBroadcasts(): Uint8Array[] {
    const taken = this.#broadcasts
    this.#broadcasts = []
    return taken
  }

  takeEvents(): ldk.Event[] {
    const taken = this.#events
    this.#events = []
    return taken
  }

  /**
   * Answers "completed" for what is only noted. That is sound because no byte leaves for a peer, and nobody is told of a
   * payment, before the turn has written what was noted (`LdkNode.turn`).
   */
  #persist(
    outpoint: ldk.OutPoint,
    update: ldk.ChannelMonitorUpdate | null,
    monitor: ldk.ChannelMonitor,
  ): ldk.ChannelMonitorUpdateStatus {
    const noted = this.#note(() => {
      const channel = toHex(outpoint.write())
      const budget = this.#updateBudget.get(channel) ?? 0
      if (update !== null && budget > 0 && update.get_update_id() !== NO_SEQUENCE) {
        const bytes = update.write()
        this.#monitors.push({ channel, kind: 'update', bytes })
        this.#updateBudget.set(channel, budget - bytes.length)
      } else {
        const bytes = monitor.write()
        this.#monitors.push({ channel, kind: 'whole', bytes })
        this.#updateBudget.set(channel, Math.max(bytes.length, MIN_UPDATE_BYTES))
      }
    })
    return noted
      ? ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_Completed
      : ldk.ChannelMonitorUpdateStatus.LDKChannelMonitorUpdateStatus_UnrecoverableError
  }

  #note(action: () => void): boolean {
    try {
      action()
      return true
    } catch (error) {
      this.fault ??= error
      return false
    }
  }
}
