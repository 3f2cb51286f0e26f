import { csvText } from '../../ledger/csv.ts'
import type { Refusal } from './entry.ts'

/** Nothing but the page's own files; nothing of it in a frame; no word of it to others. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

type Init = { readonly status?: number; readonly headers?: Readonly<Record<string, string>> }

/** An answer with everything that keeps a page of its own to itself. */
export const answer = (body: BodyInit | null, type: string, { status = 200, headers = {} }: Init = {}): Response =>
  new Response(body, { status, headers: { ...HEADERS, 'content-type': type, ...headers } })

/** What a reader of that JSON has. */
export type AsJson<T> = T extends bigint
  ? string
  : T extends readonly (infer Item)[]
    ? readonly AsJson<Item>[]
    : T extends object
      ? { readonly [Name in keyof T]: AsJson<T[Name]> }
      : T

/** JSON in which amounts, which are bigint, are decimal strings. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}` : member))

export const json = (value: unknown, init: Init = {}): Response => answer(toJson(value), 'application/json', init)

export const refuse = ({ status, reason, retryAfterMs }: Refusal): Response =>
  json(
    { error: reason },
    {
      status,
      headers: retryAfterMs === undefined ? {} : { 'retry-after': `${Math.max(1, Math.ceil(retryAfterMs / 1000))}` },
    },
  )

export const isRefusal = (value: object): value is Refusal => 'reason' in value

/** Rows as a file for spreadsheets. */
export const csv = (names: readonly string[], rows: ReadonlyArray<readonly unknown[]>, file: string): Response =>
  answer(csvText(names, rows), 'text/csv; charset=utf-8', {
    headers: { 'content-disposition': `attachment; filename="${file}"` },
  })
