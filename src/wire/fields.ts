import type { ErrorCode } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'
import { MAX_MSAT, type Msat, parseWireMsat, sat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'
import { parseTime } from './time.ts'

const NETWORKS: Readonly<Record<Network, true>> = {
  mainnet: true,
  testnet: true,
  signet: true,
  regtest: true,
  simnet: true,
}
export const isNetwork = (name: string): name is Network => Object.hasOwn(NETWORKS, name)
/** A compressed secp256k1 key in lowercase hex. Whether it lies on the curve shows when a signature is checked. */
export const PUBLIC_KEY = /^0[23][0-9a-f]{64}$/

/**
 * Reads members of a JSON object that someone else wrote. Every read checks form and size, and throws a StreamError with the
 * code the reader was made for, naming the member. Members nobody asks for are never looked at.
 */
export class Fields {
  /** The object itself, unread. */
  readonly record: Readonly<Record<string, unknown>>
  readonly #code: ErrorCode
  readonly #path: string

  constructor(value: unknown, code: ErrorCode, path = '') {
    this.#code = code
    this.#path = path
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new StreamError(code, `${path || 'the value'} is not a JSON object`)
    }
    this.record = value as Record<string, unknown>
  }

  has(name: string): boolean {
    return Object.hasOwn(this.record, name)
  }

  value(name: string): unknown {
    return this.has(name) ? this.record[name] : undefined
  }

  fail(name: string, must: string): never {
    throw new StreamError(this.#code, `${this.#name(name)} must be ${must}`)
  }

  object(name: string): Fields {
    return new Fields(this.value(name), this.#code, this.#name(name))
  }

  string(name: string, maxLength: number, pattern?: RegExp): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value.length > maxLength || (pattern && !pattern.test(value))) {
      this.fail(name, pattern ? `a string like ${pattern.source}` : `a string of at most ${maxLength} characters`)
    }
    return value
  }

  optionalString(name: string, maxLength: number): string | undefined {
    return this.has(name) ? this.string(name, maxLength) : undefined
  }

  /** Exactly so many lowercase hex digits. */
  hex(name: string, digits: number): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value.length !== digits || !/^[0-9a-f]*$/.test(value)) {
      this.fail(name, `${digits} lowercase hex digits`)
    }
    return value
  }

  /** A count as a decimal string, up to 19 digits. */
  count(name: string): bigint {
    return BigInt(this.string(name, 19, /^(0|[1-9]\d*)$/))
  }

  amount(name: string): Msat {
    return this.#amount(this.value(name), name)
  }

  /** An array of amounts, none of them zero. */
  amounts(name: string, minimum: number, maximum: number): Msat[] {
    const list = this.#array(name, minimum, maximum)
    return list.map((item, i) => {
      const amount = this.#amount(item, `${name}[${i}]`)
      return amount > 0n ? amount : this.fail(`${name}[${i}]`, 'above zero')
    })
  }

  strings(name: string, maximum: number, maxLength: number): string[] {
    return this.#array(name, 0, maximum).map((item, i) =>
      typeof item === 'string' && item.length <= maxLength
        ? item
        : this.fail(`${name}[${i}]`, `a string of at most ${maxLength} characters`),
    )
  }

  objects(name: string, maximum: number): Fields[] {
    return this.#array(name, 0, maximum).map((item, i) => new Fields(item, this.#code, this.#name(`${name}[${i}]`)))
  }

  boolean(name: string): boolean {
    const value = this.value(name)
    return typeof value === 'boolean' ? value : this.fail(name, 'true or false')
  }

  /** A small whole number, as a JSON number. */
  integer(name: string, maximum: number): number {
    const value = this.value(name)
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maximum
    return fits ? value : this.fail(name, `a whole number from 0 to ${maximum}`)
  }

  /** A whole number of sats above zero, as a decimal string. */
  sats(name: string): Msat {
    const amount = this.count(name)
    return amount > 0n && amount <= MAX_MSAT / 1000n
      ? sat(amount)
      : this.fail(name, 'a decimal string of sats above zero')
  }

  timeMs(name: string): number {
    return parseTime(this.string(name, 40)) ?? this.fail(name, 'an RFC 3339 date-time')
  }

  network(name: string): Network {
    const value = this.string(name, 16)
    return isNetwork(value) ? value : this.fail(name, 'the name of a Bitcoin network')
  }

  publicKey(name: string): string {
    return this.string(name, 66, PUBLIC_KEY)
  }

  #array(name: string, minimum: number, maximum: number): unknown[] {
    const value = this.value(name)
    const fits = Array.isArray(value) && value.length >= minimum && value.length <= maximum
    return fits ? value : this.fail(name, `an array of ${minimum} to ${maximum}`)
  }

  #amount(value: unknown, name: string): Msat {
    try {
      return parseWireMsat(value)
    } catch {
      return this.fail(name, 'a decimal string of msat')
    }
  }

  #name(name: string): string {
    return this.#path ? `${this.#path}.${name}` : name
  }
}
