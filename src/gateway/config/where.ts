import { type Document, isMap, isNode, isPair, isScalar, type LineCounter, type Node } from 'yaml'

/** A place in a configuration: members and indexes, from the top. */
export type Place = readonly PropertyKey[]

/** "routes[0].price" */
export function placeText(place: Place): string {
  return place.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  )
}

/** Where a place is written: of a member its name; of what is absent the nearest thing around it. */
export function offsetOf(document: Document, place: Place): number {
  for (let length = place.length; length >= 0; length--) {
    const offset = offsetAt(document, place.slice(0, length))
    if (offset !== undefined) return offset
  }
  return 0
}

function offsetAt(document: Document, place: Place): number | undefined {
  if (place.length === 0) return startOf(document.contents)
  const parent = document.getIn(place.slice(0, -1), true)
  const last = place.at(-1)
  const root = place.length === 1 ? document.contents : parent
  if (isMap(root)) {
    const pair = root.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last)
    return pair && startOf(pair.key)
  }
  return startOf(document.getIn(place, true))
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? (node as Node).range?.[0] : undefined)

/** "12:5", both from one. */
export function lineAndColumn(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${Math.max(1, line)}:${Math.max(1, col)}`
}
