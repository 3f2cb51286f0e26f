import { byId, setText } from './dom.ts'
import { plural, sat, shortSat } from './format.ts'
import type { State } from './state.ts'

/** The big numbers. */
export function showFigures({ today, msatPerSecond, streaming, paused, unpaid, owed, streams }: State): void {
  setText(byId('today'), shortSat(today.earned))
  setText(byId('today-more'), `${sat(today.paid)} sat paid in ${plural(Number(today.payments), 'payment')}`)
  setText(byId('rate'), shortSat(msatPerSecond))
  setText(byId('rate-more'), streaming === 0 ? 'nothing streams' : 'over the last five seconds')
  setText(byId('streaming'), `${streaming}`)
  const requests = streams.reduce((sum, stream) => sum + stream.requests, 0)
  setText(byId('streaming-more'), paused > 0 ? `${paused} waiting for money` : plural(requests, 'request'))
  setText(byId('unpaid'), shortSat(unpaid))
  setText(byId('owed'), shortSat(owed.amount))
  setText(byId('owed-more'), owed.agreements === 0 ? 'nobody' : `on ${plural(owed.agreements, 'agreement')}`)
  document.title = streaming > 0 ? `${shortSat(msatPerSecond)} sat/s · Stream` : 'Stream'
}
