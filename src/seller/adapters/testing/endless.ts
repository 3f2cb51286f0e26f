const CHUNK = 16_384

/** Chunks of 16 KiB without an end; says how many were taken and why it ended. */
export function endless(): {
  readonly body: ReadableStream<Uint8Array>
  readonly state: { pulled: number }
  readonly cancelled: Promise<unknown>
} {
  const state = { pulled: 0 }
  const cancelled = Promise.withResolvers<unknown>()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        state.pulled++
        controller.enqueue(new Uint8Array(CHUNK))
      },
      cancel: (reason) => cancelled.resolve(reason),
    },
    { highWaterMark: 0 },
  )
  return { body, state, cancelled: cancelled.promise }
}
