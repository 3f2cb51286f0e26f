import type { PaidHandler } from '../../seller/paywall.ts'

const LINE_MS = 100

/** A service that really computes while it is paid: the next primes, a line every tenth of a second of work. */
export function liveStream(seconds: number): PaidHandler {
  return () => {
    const encoder = new TextEncoder()
    let lines = (seconds * 1000) / LINE_MS
    let candidate = 10_000_019n
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (lines-- <= 0) return controller.close()
          const until = performance.now() + LINE_MS
          candidate = nextPrime(candidate)
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, until - performance.now())))
          controller.enqueue(encoder.encode(`${candidate}\n`))
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-type': 'text/plain' } })
  }
}

function nextPrime(after: bigint): bigint {
  for (let candidate = after + 2n; ; candidate += 2n) if (isPrime(candidate)) return candidate
}

function isPrime(n: bigint): boolean {
  for (let divisor = 3n; divisor * divisor <= n; divisor += 2n) if (n % divisor === 0n) return false
  return true
}
