/** What a value is, by the name that stands for it in a flag: `--max <amount>`. */
export interface ValueType {
  readonly type: 'amount' | 'price' | 'time' | 'percent' | 'size' | 'integer' | 'url' | 'path' | 'list' | 'text'
  /** In which units it is written. */
  readonly unit?: string
  readonly example?: string
  readonly minimum?: number
  readonly maximum?: number
}

const AMOUNT: ValueType = { type: 'amount', unit: 'msat, sat or BTC, written with it', example: '10 sat' }
const PATH: ValueType = { type: 'path' }
const KEY: ValueType = { type: 'text', unit: 'hex', example: '02ab…, 66 digits' }

const TYPES: Readonly<Record<string, ValueType>> = {
  amount: AMOUNT,
  price: { type: 'price', unit: 'an amount for so much of a unit', example: '1 sat/MiB' },
  time: { type: 'time', unit: 'ms, s, min, h or d, written with it', example: '30s' },
  percent: { type: 'percent', unit: '%', example: '3%' },
  cap: { type: 'text', unit: '% or an amount', example: '1%' },
  size: { type: 'size', unit: 'bytes: B, kB, KiB, MB, MiB, GB or GiB', example: '100 MiB' },
  use: {
    type: 'text',
    unit: 'of what is sold: B, MiB, s, min, tokens, requests or the seller’s own',
    example: '25 MiB',
  },
  allowance: { type: 'text', unit: 'requests for each second, minute, hour or day', example: '3 requests/day' },
  port: { type: 'integer', minimum: 0, maximum: 65_535 },
  count: { type: 'integer', minimum: 0 },
  blocks: { type: 'integer', minimum: 1, maximum: 1000 },
  url: { type: 'url', example: 'https://seller.example/film.mp4' },
  file: PATH,
  path: PATH,
  folder: PATH,
  target: { type: 'text', example: './folder, film.mp4 or http://127.0.0.1:11434' },
  list: { type: 'list', unit: 'separated by commas' },
  key: KEY,
  'public-key': KEY,
  invoice: { type: 'text', unit: 'BOLT 11', example: 'lnbc…' },
  node: { type: 'text', example: 'embedded, lnd:DIR, nwc:FILE or a name' },
}

/** One that is not in the table is a text. */
export const typeOf = (name: string): ValueType => (Object.hasOwn(TYPES, name) ? TYPES[name]! : { type: 'text' })
