import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StreamError } from '../../errors/error.ts'

const TOKEN = /^[\w-]{43}$/

/**
 * The token that opens the dashboard: 32 random bytes as base64url in a file of mode 0600, made where there is none. Deleting the file and
 * starting again ends every session.
 * @throws StreamError `option-invalid` if the file holds something else; the system's error if it cannot be written
 */
export function keptToken(file: string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    const handle = openSync(file, 'wx', 0o600)
    writeSync(handle, `${randomBytes(32).toString('base64url')}\n`)
    closeSync(handle)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const token = readFileSync(file, 'utf8').trim()
  if (!TOKEN.test(token))
    throw new StreamError('option-invalid', `${file} is no token: delete it, and a new one is made`)
  return token
}

/** Whether two texts are the same, in a time that says nothing about where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const [one, two] = [a, b].map((text) => createHmac('sha256', COMPARING).update(text).digest())
  return timingSafeEqual(one!, two!)
}

/** Of both texts only a MAC is compared, so that their lengths tell nothing either. */
const COMPARING = randomBytes(32)

const SESSION_MS = 30 * 86_400_000

/**
 * Sessions that need no memory: a cookie says until when it is good, under a MAC of the token, so that a page that stays open outlives the
 * gateway's restarts.
 */
export class Sessions {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  readonly lifeSeconds = SESSION_MS / 1000

  open(nowMs: number): string {
    const head = `${nowMs + SESSION_MS}.${randomBytes(16).toString('base64url')}`
    return `${head}.${this.#mac('session', head)}`
  }

  holds(cookie: string, nowMs: number): boolean {
    const end = cookie.lastIndexOf('.')
    const head = cookie.slice(0, Math.max(0, end))
    const untilMs = Number(/^(\d{1,16})\./.exec(head)?.[1])
    return sameSecret(cookie.slice(end + 1), this.#mac('session', head)) && untilMs > nowMs
  }

  /** What a page of this session sends with every change. Another site has neither it nor the cookie to make it from. */
  csrf(cookie: string): string {
    return this.#mac('csrf', cookie)
  }

  #mac(use: string, text: string): string {
    return createHmac('sha256', this.#token).update(`${use}|${text}`).digest('base64url')
  }
}
