import { encode } from 'uqr'
import type { ShowInvoice } from '../wallets/prepaid.ts'
import { h, sheet } from './dom.ts'
import { SHEET_STYLE } from './sheetStyle.ts'
import { inSat } from './words.ts'

const STYLE = `${SHEET_STYLE}
dialog{text-align:center}
a.code{display:block;width:min(18rem,100%);margin:0 auto 1rem;padding:12px;background:#fff;border-radius:12px}
svg{display:block;width:100%;height:auto}
code{display:block;font-size:.75rem;overflow-wrap:anywhere;max-height:4.5em;overflow:auto;margin-bottom:1rem;text-align:left}
`
const SVG = 'http://www.w3.org/2000/svg'

/** Shows an invoice as a code to scan, a link for a wallet on this machine, and text to copy, until `done`. */
export const showInvoice: ShowInvoice = (invoice, amount, done, cancel) => {
  const place = h('div')
  const root = place.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [sheet(STYLE)]
  const link = h('a', { class: 'code', href: `lightning:${invoice}`, 'aria-label': 'Open the invoice in a wallet' })
  const copied = h('span', { role: 'status', class: 'dim' })
  const copy = async () => {
    await navigator.clipboard.writeText(invoice)
    copied.textContent = ' Copied.'
  }
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'title', close: cancel },
    h('h2', { id: 'title' }, `Pay ${inSat(amount)}`),
    h('p', { class: 'dim' }, 'Scan it with any Lightning wallet. This page goes on as soon as the seller has it.'),
    link,
    h('code', { tabindex: '0', 'aria-label': 'Invoice' }, invoice),
    h(
      'div',
      {},
      h('button', { type: 'button', click: cancel }, 'Put away'),
      ' ',
      h('button', { type: 'button', class: 'main', click: () => void copy() }, 'Copy the invoice'),
      copied,
    ),
  )
  root.append(dialog)
  document.body.append(place)
  dialog.showModal()
  link.append(draw(encode(invoice.toUpperCase(), { border: 0 }).data))
  void done.then(() => place.remove())
}

function draw(rows: readonly (readonly boolean[])[]): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${rows.length} ${rows.length}`)
  svg.setAttribute('shape-rendering', 'crispEdges')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  const dots = rows.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
  path.setAttribute('d', dots.join(''))
  svg.append(path)
  return svg
}
