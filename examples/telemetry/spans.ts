/*
 * Spans for what a gateway does, from its diagnostics channels: one for each request, one for each agreement from its opening to its close.
 * `@opentelemetry/api` alone does nothing: start it with an SDK of your own, as for any service.
 */
import diagnostics from 'node:diagnostics_channel'
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'

/** What a channel carries: flat, amounts as decimal strings of msat. See docs/dashboard.md. */
type Message = Readonly<Record<string, string | number | boolean>> & { readonly atMs: number }

/** Agreements that are open at once; of more, the oldest span ends without its close. */
const MAX_OPEN = 10_000

/** Begins to make spans. Returns what ends that. */
export function traceGateway(): () => void {
  const tracer = trace.getTracer('streampay')
  const open = new Map<string, Span>()
  const ends: Array<() => void> = []

  const on = (channel: string, take: (message: Message) => void): void => {
    const listener = (message: unknown) => take(message as Message)
    diagnostics.subscribe(channel, listener)
    ends.push(() => diagnostics.unsubscribe(channel, listener))
  }

  on('streampay:request', ({ atMs, ms, route, status, bytes }) => {
    const span = tracer.startSpan(`request ${route ?? 'none'}`, {
      startTime: atMs - Number(ms),
      attributes: { 'http.response.status_code': status!, 'http.response.body.size': bytes! },
    })
    if (Number(status) >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(atMs)
  })
  on('streampay:agreement:opened', ({ atMs, agreement, route }) => {
    const attributes = { 'stream.agreement': agreement!, 'stream.route': route! }
    open.set(`${agreement}`, tracer.startSpan(`agreement ${route}`, { startTime: atMs, attributes }))
    const [oldest] = open
    if (open.size > MAX_OPEN && oldest) end(oldest[0], atMs)
  })
  on('streampay:agreement:paid', ({ atMs, agreement, paidMsat }) => {
    open.get(`${agreement}`)?.addEvent('paid', { 'stream.paid_msat': paidMsat! }, atMs)
  })
  on('streampay:agreement:closed', ({ atMs, agreement, paidMsat, deliveredMsat }) => {
    open.get(`${agreement}`)?.setAttributes({ 'stream.paid_msat': paidMsat!, 'stream.delivered_msat': deliveredMsat! })
    end(`${agreement}`, atMs)
  })

  function end(agreement: string, atMs: number): void {
    open.get(agreement)?.end(atMs)
    open.delete(agreement)
  }
  return () => {
    for (const unsubscribe of ends) unsubscribe()
    for (const [agreement] of open) end(agreement, Date.now())
  }
}
