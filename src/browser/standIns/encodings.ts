/*
 * Stands in for `@scure/base` in the browser's bundle: reading Bech32, and Base64 without padding. `scripts/web/bundle.ts` puts it in, and
 * `standIns.property.ts` holds it against the library.
 */

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CHECKSUM_WORDS = 6

/** Bech32 (BIP 173), read only. */
export const bech32 = {
  /** `undefined` for what is none, or longer than `limit`. */
  decodeUnsafe(text: string, limit: number): { readonly prefix: string; readonly words: number[] } | undefined {
    const lower = text.toLowerCase()
    if (text.length > limit || (text !== lower && text !== text.toUpperCase())) return undefined
    const at = lower.lastIndexOf('1')
    const prefix = lower.slice(0, at)
    const words = Array.from(lower.slice(at + 1), (character) => ALPHABET.indexOf(character))
    if (at < 1 || words.length < CHECKSUM_WORDS || words.includes(-1) || /[^!-~]/.test(prefix)) return undefined
    const codes = Array.from(prefix, (character) => character.charCodeAt(0))
    const sum = checksum([...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words])
    return sum === 1 ? { prefix, words: words.slice(0, -CHECKSUM_WORDS) } : undefined
  },
}

function checksum(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [i, generator] of GENERATORS.entries()) if ((top >> i) & 1) sum ^= generator
  }
  return sum
}

export const base64urlnopad = {
  encode: (bytes: Uint8Array): string =>
    btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
      .replace(/[+/]/g, (one) => (one === '+' ? '-' : '_'))
      .replace(/=+$/, ''),
  /** @throws TypeError for padding, any other character, or stray bits at the end */
  decode(text: string): Uint8Array<ArrayBuffer> {
    if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new TypeError('not Base64')
    const bytes = Uint8Array.from(atob(text.replace(/[-_]/g, (one) => (one === '-' ? '+' : '/'))), (one) =>
      one.charCodeAt(0),
    )
    if (base64urlnopad.encode(bytes) !== text) throw new TypeError('stray bits')
    return bytes
  },
}
