import { type PairRecord, partsOf } from './report.ts'

const ROW = 22
const LEFT = 240
const WIDTH = 480
const RIGHT = 120
const TOP = 56
const COLOURS = { buyer: '#2e7d32', seller: '#ef8f00', lost: '#d7d7d7', text: '#222222' }

/** The bars as a picture, which needs nothing else to be seen. */
export function svgOf(pairs: readonly PairRecord[], title: string): string {
  const height = TOP + pairs.length * ROW + 16
  const rows = pairs.map((pair, index) => {
    const y = TOP + index * ROW
    const { buyer, seller } = partsOf(pair, WIDTH)
    const note = `${pair.dealShare.toFixed(1)} % deals`
    return [
      `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${escaped(`${pair.buyer} — ${pair.seller}`)}</text>`,
      bar(LEFT, y, WIDTH, COLOURS.lost),
      bar(LEFT, y, buyer, COLOURS.buyer),
      bar(LEFT + buyer, y, seller, COLOURS.seller),
      `<text x="${LEFT + WIDTH + 8}" y="${y + 13}">${note}</text>`,
    ].join('\n')
  })
  const keys = [
    ["the buyer's gain", COLOURS.buyer],
    ["the seller's gain", COLOURS.seller],
    ['lost to both', COLOURS.lost],
  ] as const
  const key = keys.map(([name, colour], index) => {
    const x = LEFT + index * 150
    return `<rect x="${x}" y="32" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="42">${escaped(name)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + RIGHT}" height="${height}" font-family="sans-serif" font-size="12" fill="${COLOURS.text}" role="img">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${LEFT}" y="20" font-size="14">${escaped(title)}</text>
${[...key, ...rows].join('\n')}
</svg>
`
}

const bar = (x: number, y: number, width: number, colour: string): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${ROW - 6}" fill="${colour}"/>`

const escaped = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no place for them
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"]/g, (one) => `&#${one.codePointAt(0)};`)
