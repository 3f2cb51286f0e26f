import diagnostics from 'node:diagnostics_channel'
import { recordOf } from './record.ts'
import type { Watched, WatchedEvent } from './watched.ts'

type Type = WatchedEvent['type']

/**
 * The names of the channels of `node:diagnostics_channel` on which a gateway tells what happens, one for each type of event; each message is
 * an `EventRecord`. They do not change.
 */
export const CHANNELS: Readonly<Record<Type, string>> = {
  opened: 'streampay:agreement:opened',
  paid: 'streampay:agreement:paid',
  closed: 'streampay:agreement:closed',
  delivering: 'streampay:delivery:start',
  delivered: 'streampay:delivery:end',
  returned: 'streampay:return:settled',
  'return-delayed': 'streampay:return:delayed',
  'return-failed': 'streampay:return:failed',
  'payout-settled': 'streampay:payout:settled',
  'payout-delayed': 'streampay:payout:delayed',
  'payout-failed': 'streampay:payout:failed',
  request: 'streampay:request',
  owed: 'streampay:owed',
  stray: 'streampay:stray',
  error: 'streampay:error',
  reloaded: 'streampay:configuration:reloaded',
  'reload-failed': 'streampay:configuration:failed',
}

/** Publishes every event on its channel, at no cost where nobody has subscribed. Returns what ends that. */
export function publishTo(gateway: Watched): () => void {
  const channels = new Map(Object.entries(CHANNELS).map(([type, name]) => [type, diagnostics.channel(name)]))
  return gateway.onEvent((event) => {
    const channel = channels.get(event.type)
    if (channel?.hasSubscribers) channel.publish(recordOf(event))
  })
}
