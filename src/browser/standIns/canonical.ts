/**
 * Stands in for `canonicalize` in the browser's bundle, which writes only what JSON can hold: objects, arrays, strings, numbers and booleans.
 * `standIns.property.ts` holds it against the library.
 * @throws TypeError for a lone surrogate and a bigint
 */
export default function canonicalize(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalize).join()}]`
  if (typeof value === 'string' && !value.isWellFormed()) throw new TypeError('a lone surrogate')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  // By the names alone: no two are the same.
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map((pair) => pair.map(canonicalize).join(':')).join()}}`
}
