/** Longer than what BOLT 11 allows a description in characters that take one byte each. */
const MAX_SHOWN = 640

/**
 * Text that another side wrote, for a terminal: control characters, those that change the direction of writing, and those that take no
 * room are written out, so that what is shown is all there is.
 * @example escaped('tea\u001b[2J') // 'tea\\u{1b}[2J'
 */
export const escaped = (text: string): string =>
  text.slice(0, MAX_SHOWN).replace(/[\p{C}\p{Zl}\p{Zp}"\\]/gu, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`)
