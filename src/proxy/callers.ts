import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { StreamError } from '../errors/error.ts'
import type { CallerLimits } from '../ledger/limits.ts'
import { type Msat, msat } from '../money/msat.ts'

/** A program that pays through this process. */
export interface Caller {
  readonly name: string
  /** Whoever may read the state file: everything is allowed. */
  readonly isOwner: boolean
  readonly limits: CallerLimits
}

/** A caller as it is kept: without its token. */
export interface KeptCaller {
  readonly name: string
  readonly limits: CallerLimits
  readonly createdAtMs: number
}

export const TOKEN_PREFIX = 'spt_'
const TOKEN = /^spt_[\w-]{43}$/
const NAME = /^[a-z\d][\w.-]{0,63}$/i
/** Names that stand for nobody in the file. */
const RESERVED = ['anyone', 'owner']
const MAX_CALLERS = 1000
/** A process that died while it changed the file leaves its lock; a change takes far less than this. */
const STALE_LOCK_MS = 10_000

/** A token: 32 random bytes. @example 'spt_Zm9v…' */
export const newToken = (): string => TOKEN_PREFIX + randomBytes(32).toString('base64url')
export const isToken = (text: string): boolean => TOKEN.test(text)
export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

const amount = z.string().regex(/^\d{1,19}$/)
const stored = z.strictObject({
  callers: z
    .array(
      z.strictObject({
        name: z.string().regex(NAME),
        sha256: z.string().regex(/^[\da-f]{64}$/),
        createdAtMs: z.number().int().nonnegative(),
        max: amount.optional(),
        perDay: amount.optional(),
        maxPrice: z.string().max(500).optional(),
        ahead: amount.optional(),
        maxRisk: amount.optional(),
        hosts: z.record(z.string(), amount.nullable()).optional(),
      }),
    )
    .max(MAX_CALLERS),
})
type Row = z.infer<typeof stored>['callers'][number]

/**
 * The callers of a proxy in a file of mode 0600, which several processes may read and change. Only the SHA-256 of each token is kept.
 * What a caller spent is in the journal, under its name.
 */
export class Callers {
  readonly #file: string
  #rows: readonly Row[] = []
  #read = ''

  constructor(file: string) {
    this.#file = file
  }

  /** @throws StreamError `config-invalid` for a file that is none of ours */
  list(): KeptCaller[] {
    this.#refresh()
    return this.#rows.map(({ name, createdAtMs, ...row }) => ({ name, createdAtMs, limits: limitsOf(row) }))
  }

  /** The caller of that token. Takes as long whoever it is. @throws StreamError `config-invalid` */
  find(token: string): Caller | undefined {
    this.#refresh()
    const hash = hashOf(token)
    let found: Row | undefined
    for (const row of this.#rows) if (timingSafeEqual(Buffer.from(row.sha256, 'hex'), hash)) found = row
    return found && { name: found.name, isOwner: false, limits: limitsOf(found) }
  }

  /**
   * A new caller, and its token, which is told this once. One that is made again under an old name goes on with what that spent.
   * @throws StreamError `option-invalid`, `config-invalid`, `ledger-failed`
   */
  add(name: string, limits: CallerLimits = {}): { readonly caller: Caller; readonly token: string } {
    if (!NAME.test(name) || RESERVED.includes(name.toLowerCase())) {
      throw new StreamError(
        'option-invalid',
        `"${name.slice(0, 80)}" is no name for a caller: letters, digits, ".", "_" and "-"`,
      )
    }
    const token = newToken()
    this.#change((rows) => {
      if (rows.some((row) => row.name === name)) {
        throw new StreamError('option-invalid', `there is a caller ${name} already: remove it first`)
      }
      if (rows.length >= MAX_CALLERS)
        throw new StreamError('option-invalid', `there are ${MAX_CALLERS} callers already`)
      const { max, perDay, maxPrice, ahead, maxRisk, hosts } = limits
      const row: Row = {
        name,
        sha256: hashOf(token).toString('hex'),
        createdAtMs: Date.now(),
        ...(max !== undefined && { max: `${max}` }),
        ...(perDay !== undefined && { perDay: `${perDay}` }),
        ...(maxPrice !== undefined && { maxPrice }),
        ...(ahead !== undefined && { ahead: `${ahead}` }),
        ...(maxRisk !== undefined && { maxRisk: `${maxRisk}` }),
        ...(hosts && {
          hosts: Object.fromEntries(
            Object.entries(hosts).map(([host, most]) => [host, most === null ? null : `${most}`]),
          ),
        }),
      }
      return [...rows, row]
    })
    return { caller: { name, isOwner: false, limits }, token }
  }

  /** Takes a caller away; `false` if there is none. Its token opens nothing from then on. @throws as `add` */
  remove(name: string): boolean {
    let found = false
    this.#change((rows) => {
      found = rows.some((row) => row.name === name)
      return rows.filter((row) => row.name !== name)
    })
    return found
  }

  #refresh(): void {
    const stat = statSync(this.#file, { throwIfNoEntry: false, bigint: true })
    const read = stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : ''
    if (read === this.#read) return
    this.#rows = stat ? this.#load() : []
    this.#read = read
  }

  #load(): readonly Row[] {
    let known: ReturnType<typeof stored.safeParse>
    try {
      known = stored.safeParse(JSON.parse(readFileSync(this.#file, 'utf8')))
    } catch (error) {
      throw unreadable(this.#file, error)
    }
    if (!known.success) throw unreadable(this.#file, known.error)
    return known.data.callers
  }

  /** One change at a time, over all processes; readers see the file before it or after it. */
  #change(work: (rows: readonly Row[]) => readonly Row[]): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    const lock = `${this.#file}.lock`
    take(lock)
    try {
      this.#refresh()
      const text = JSON.stringify({ callers: work(this.#rows) }, null, 2)
      writeFileSync(`${this.#file}.new`, `${text}\n`, { mode: 0o600, flush: true })
      renameSync(`${this.#file}.new`, this.#file)
    } catch (error) {
      if (error instanceof StreamError) throw error
      throw new StreamError('ledger-failed', `cannot write ${this.#file}: ${(error as Error).message}`, {}, error)
    } finally {
      rmSync(lock, { force: true })
    }
    this.#read = 'changed'
    this.#refresh()
  }
}

function take(lock: string): void {
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx', 0o600))
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const stat = statSync(lock, { throwIfNoEntry: false })
    if (stat && Date.now() - stat.mtimeMs > STALE_LOCK_MS) rmSync(lock, { force: true })
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  }
}

type Kept = Pick<Row, 'max' | 'perDay' | 'maxPrice' | 'ahead' | 'maxRisk' | 'hosts'>

const limitsOf = ({ max, perDay, maxPrice, ahead, maxRisk, hosts }: Kept): CallerLimits => ({
  ...(max !== undefined && { max: read(max) }),
  ...(perDay !== undefined && { perDay: read(perDay) }),
  ...(maxPrice !== undefined && { maxPrice }),
  ...(ahead !== undefined && { ahead: read(ahead) }),
  ...(maxRisk !== undefined && { maxRisk: read(maxRisk) }),
  ...(hosts && {
    hosts: Object.fromEntries(Object.entries(hosts).map(([host, most]) => [host, most === null ? null : read(most)])),
  }),
})

const read = (text: string): Msat => msat(BigInt(text))

const unreadable = (file: string, cause: unknown): StreamError =>
  new StreamError('config-invalid', `${file} is no list of callers`, { file }, cause)
