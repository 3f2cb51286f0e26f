import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { openUnlessAborted, unlessAborted } from './aborted.ts'

test('what comes first counts, and nothing is left on the signal', async () => {
  const { signal } = new AbortController()
  expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1)
  await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2)
})

test('called off, it rejects with the very reason, before and while it waits', async () => {
  const reason = { any: 'reason' }
  await expect(unlessAborted(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const later = Promise.withResolvers<number>()
  const waiting = unlessAborted(later.promise, controller.signal)
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  // Nobody hears of it any more, not even as an unhandled rejection.
  later.reject(new Error('late'))
})

test('what opens after it was called off is closed', async () => {
  const closed = Promise.withResolvers<void>()
  const later = Promise.withResolvers<{ close(): void }>()
  const controller = new AbortController()
  const opening = openUnlessAborted(later.promise, controller.signal)
  controller.abort()
  await expect(opening).rejects.toBe(controller.signal.reason)
  later.resolve({ close: closed.resolve })
  await closed.promise
  const open = { close: () => expect.unreachable() }
  expect(await openUnlessAborted(Promise.resolve(open), new AbortController().signal)).toBe(open)
})
