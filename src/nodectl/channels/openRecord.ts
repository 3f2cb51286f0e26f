import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'
import { type Msat, parseWireMsat } from '../../money/msat.ts'

/**
 * What tells one connection with a peer from a later one, as LND says it. No clock but LND's own is compared with.
 * `since` is known for peers that have channels.
 */
export interface Connection {
  readonly since?: string
  readonly bytesSent: number
}

/** Whether it must be another one: LND has it since another time, or has sent less over it. */
export const isAnother = (before: Connection, now: Connection): boolean =>
  before.since !== now.since || now.bytesSent < before.bytesSent

/** That an LND was asked to open a channel: written before it is asked, so that a run that is killed is not repeated. */
export interface OpenRecord {
  /** Goes into LND's own note of the channel, by which it is found again. */
  readonly id: string
  /** Keys of the node that was asked, and of its peer. */
  readonly node: string
  readonly peer: string
  readonly amount: Msat
  readonly askedAtMs: number
  /** Over which the peer was asked. */
  readonly connection: Connection
  /** Of the funding transaction, once LND has told it. */
  readonly outpoint?: string
}

const key = z.string().regex(/^0[23][0-9a-f]{64}$/)
const record = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  node: key,
  peer: key,
  amount: z.string().transform(parseWireMsat),
  askedAtMs: z.number(),
  connection: z.object({ since: z.string().optional(), bytesSent: z.number() }),
  outpoint: z.string().optional(),
})

/** The note of a channel that LND keeps with it, and shows to its operator alone. */
export const noteOf = ({ id }: Pick<OpenRecord, 'id'>): string => `streampay open ${id}`

/** One file for a node and a peer, in a folder of the user's. */
export function openRecords(folder: string) {
  const fileOf = ({ node, peer }: Pick<OpenRecord, 'node' | 'peer'>): string => join(folder, `${node}-${peer}.json`)
  return {
    fileOf,

    /** @throws StreamError `ledger-failed` */
    find(node: string, peer: string): OpenRecord | undefined {
      const file = fileOf({ node, peer })
      if (!existsSync(file)) return undefined
      try {
        const { outpoint, connection, ...rest } = record.parse(JSON.parse(readFileSync(file, 'utf8')))
        const { since, bytesSent } = connection
        return {
          ...rest,
          connection: { bytesSent, ...(since !== undefined && { since }) },
          ...(outpoint !== undefined && { outpoint }),
        }
      } catch (error) {
        throw new StreamError('ledger-failed', `${file} cannot be read`, { file }, error)
      }
    },

    /** Writes a new record; `undefined` if another process has just written one. @throws StreamError `ledger-failed`, `disk-full` */
    claim(of: Pick<OpenRecord, 'node' | 'peer' | 'amount' | 'connection'>): OpenRecord | undefined {
      const made = { ...of, id: randomBytes(8).toString('hex'), askedAtMs: Date.now() }
      const beside = write(fileOf(made), made)
      try {
        // A link appears whole, and only one process can make it.
        linkSync(beside, fileOf(made))
        sync(folder)
        return made
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
        throw failed(fileOf(made), error)
      } finally {
        rmSync(beside, { force: true })
      }
    },

    save(of: OpenRecord): void {
      renameSync(write(fileOf(of), of), fileOf(of))
      sync(folder)
    },

    remove: (of: Pick<OpenRecord, 'node' | 'peer'>): void => rmSync(fileOf(of), { force: true }),
  }
}

export type OpenRecords = ReturnType<typeof openRecords>

function write(file: string, of: OpenRecord): string {
  const beside = `${file}.${process.pid}.new`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw failed(file, error)
  }
  try {
    const handle = openSync(beside, 'w', 0o600)
    try {
      writeSync(handle, JSON.stringify({ ...of, amount: `${of.amount}` }))
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    return beside
  } catch (error) {
    rmSync(beside, { force: true })
    throw failed(file, error)
  }
}

/** What is in a folder lasts when the folder was written down too. */
function sync(folder: string): void {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

function failed(file: string, cause: unknown): StreamError {
  const trouble = storageTrouble(cause)
  const reason = trouble?.reason ?? (cause as Error).message
  return new StreamError(
    trouble?.kind === 'full' ? 'disk-full' : 'ledger-failed',
    `cannot write ${file}: ${reason}`,
    { file },
    cause,
  )
}
