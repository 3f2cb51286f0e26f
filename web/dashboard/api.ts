/** An answer that is no success. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

let csrf = ''

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init })
  const body: unknown = await response.json().catch(() => ({}))
  if (response.ok) return body as T
  const { error, hint } = body as { error?: string; hint?: string }
  throw new Refused(
    response.status,
    [error ?? `the gateway answered ${response.status}`, hint].filter(Boolean).join('. '),
  )
}

export const api = {
  /** The word that is sent with every change. */
  trust(word: string): void {
    csrf = word
  },
  get: <T>(path: string): Promise<T> => ask<T>(path),
  post: <T>(path: string, body: unknown): Promise<T> =>
    ask<T>(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': csrf },
      body: JSON.stringify(body),
    }),
}
