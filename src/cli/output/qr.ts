import { encode } from 'uqr'

/**
 * Black on white in colours that no theme of a terminal changes, so that it reads on a dark one and on a light one. Not for
 * decoration, and so not left out with NO_COLOR.
 */
const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m'
const RESET = '\u001b[0m'
/** White modules around the code: the standard asks for four, and scanners are content with two. */
const QUIET = 2
/** More characters than this make a code that no screen shows well. QR itself ends at 4296. */
const MAX_LENGTH = 2000
/** Texts that mean the same in upper case, for which a QR code has a denser mode: BOLT 11, segwit addresses, and URIs of them alone. */
const CASELESS = /^(?:lightning:|bitcoin:)?(?:ln(?:bcrt|bc|tbs|tb|sb)|bc1|tb1|bcrt1|sb1)[0-9a-z]+$/i

/**
 * A QR code as lines for a terminal, two rows of modules in one line of text. For stderr, and for a terminal only: it is made of
 * colours. Empty for a text that is too long to be scanned.
 * @example for (const line of qrLines(invoice.request)) output.say(line)
 */
export function qrLines(text: string): string[] {
  const modules = qrModules(text)
  const lines: string[] = []
  for (let y = 0; y < modules.length; y += 2) {
    const line = modules[y]!.map((upper, x) => BLOCKS[Number(upper)]![Number(modules[y + 1]?.[x] ?? false)]!)
    lines.push(`${BLACK_ON_WHITE}${line.join('')}${RESET}`)
  }
  return lines
}

/** By the upper module, and then the lower one. */
const BLOCKS = [
  [' ', '▄'],
  ['▀', '█'],
] as const

/** The code itself, `true` for a dark module, with the white around it. */
export function qrModules(text: string): readonly (readonly boolean[])[] {
  if (text.length > MAX_LENGTH) return []
  const dense = CASELESS.test(text) ? text.toUpperCase() : text
  return encode(dense, { ecc: 'L', border: QUIET }).data
}
