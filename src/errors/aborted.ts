/**
 * What the promise brings, unless the signal aborts first: then nobody waits for it any more, and what it does goes on by itself. Leaves no
 * listener behind.
 * @throws the signal's reason, as `fetch` does
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise<T>((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

/** As `unlessAborted`, for what has to be closed again: where it is open only after it was called off, it is closed at once. */
export function openUnlessAborted<T extends { close(): unknown }>(
  opening: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return unlessAborted(opening, signal).catch((error) => {
    opening.then((opened) => opened.close()).catch(() => {})
    throw error
  })
}
