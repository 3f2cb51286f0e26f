import { toStreamError } from '../../errors/error.ts'
import type { PayingNode } from '../../lightning/node.ts'
import { type Msat, max, msat, sat } from '../../money/msat.ts'
import { askedInWords } from '../../money/words.ts'
import { findWebLn } from '../wallets/find.ts'
import { openWebLn } from '../wallets/webln.ts'
import type { Consent, Payment, Wish } from '../wish.ts'
import { h, sheet } from './dom.ts'
import { SHEET_STYLE } from './sheetStyle.ts'
import { inSat, inWords, readSat } from './words.ts'

const BUDGET = sat(1000)
const PREPAID = sat(100)

type Way = 'webln' | 'nwc' | 'prepaid'

/**
 * Asks a person, before anything is paid: what it costs, at whose shop, with which wallet, and how much at most in a day. The answer is for
 * `Purse`. Escape and "Not now" refuse.
 * @example new Purse({ consent: askConsent })
 */
export function askConsent({ offer, host, ahead, earlier }: Wish): Promise<Consent | undefined> {
  const place = h('div')
  const root = place.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [sheet(SHEET_STYLE)]
  const answered = Promise.withResolvers<Consent | undefined>()
  const webln = findWebLn()
  const first: Way = webln ? 'webln' : 'prepaid'
  const least = max(PREPAID, offer.smallestPayment)

  const budget = field(
    'Budget here, in sat a day',
    `${(earlier ?? BUDGET) / 1000n}`,
    'number',
    'The page never pays more. You can change it or take it back at any time.',
  )
  const connection = field(
    'Connection string of your wallet',
    '',
    'password',
    'It stays in this page, and is forgotten with it.',
  )
  const prepaid = field(
    'Amount to pay now, in sat',
    `${least / 1000n}`,
    'number',
    `All of it is in the seller's hands until you have used it. What you do not use cannot come back without a wallet here.`,
  )
  const risk = h('p', { class: 'dim', id: 'risk' })
  const problem = h('p', { class: 'bad', role: 'alert' })
  const allow = h('button', { class: 'main' })
  const show = (way: Way): void => {
    budget.row.hidden = way === 'prepaid'
    connection.row.hidden = way !== 'nwc'
    prepaid.row.hidden = way !== 'prepaid'
    allow.textContent = way === 'prepaid' ? 'Show the invoice' : 'Pay as I go'
    risk.textContent =
      way === 'prepaid'
        ? ''
        : `You pay in small steps while you use it. At any moment at most ${inSat(ahead)} are paid for what has not come yet.`
  }
  const ways = [
    ...(webln ? [radio('webln', 'The wallet in this browser', 'WebLN', first)] : []),
    radio('nwc', 'A wallet by connection string', 'Nostr Wallet Connect', first),
    radio('prepaid', 'No wallet here', 'Pay one invoice with any wallet, by its code', first),
  ]
  const chosen = (): Way => (form.elements.namedItem('way') as RadioNodeList).value as Way
  const form = h(
    'form',
    {
      change: () => show(chosen()),
      submit: async (event) => {
        event.preventDefault()
        allow.disabled = true
        problem.textContent = ''
        try {
          const consent = await answer()
          dialog.close()
          answered.resolve(consent)
        } catch (error) {
          problem.textContent = error instanceof RangeError ? error.message : inWords(toStreamError(error))
        }
        allow.disabled = false
      },
    },
    h('fieldset', {}, h('legend', {}, 'Pay with'), ...ways),
    connection.row,
    budget.row,
    prepaid.row,
    risk,
    problem,
    h('div', { class: 'end' }, h('button', { type: 'button', click: () => dialog.close() }, 'Not now'), allow),
  )
  const dialog = h(
    'dialog',
    {
      'aria-labelledby': 'title',
      close: () => {
        place.remove()
        answered.resolve(undefined)
      },
    },
    h('h2', { id: 'title' }, 'Pay as you use it'),
    h('p', { class: 'dim' }, 'This page sells by use. Nothing has been paid yet.'),
    h(
      'dl',
      {},
      ...term('Price', askedInWords(offer)),
      ...term('Seller', host),
      ...term('Its node', `${offer.payee.slice(0, 16)}…`),
      ...term('Network', offer.network),
    ),
    form,
  )
  async function answer(): Promise<Consent> {
    const way = chosen()
    const amount = readSat(way === 'prepaid' ? prepaid.input.value : budget.input.value)
    if (amount < (way === 'prepaid' ? offer.smallestPayment : 1000n))
      throw new RangeError('Name an amount in whole sat.')
    return { budget: way === 'prepaid' ? max(earlier ?? BUDGET, amount) : amount, pay: await payment(way, amount) }
  }
  async function payment(way: Way, amount: Msat): Promise<Payment> {
    if (way === 'prepaid') return { prepaid: msat(amount), show: (await import('../byHand.ts')).showInvoice }
    return { node: await wallet(way) }
  }
  async function wallet(way: Way): Promise<PayingNode> {
    if (way === 'webln') return openWebLn(webln!, offer.network)
    const { openNwc } = await import('../wallets/nwc.ts')
    return openNwc(connection.input.value.trim())
  }
  root.append(dialog)
  document.body.append(place)
  show(first)
  dialog.showModal()
  return answered.promise
}

const term = (name: string, value: string): HTMLElement[] => [h('dt', {}, name), h('dd', { class: 'num' }, value)]

function radio(way: Way, name: string, detail: string, first: Way): HTMLElement {
  const input = h('input', { type: 'radio', name: 'way', value: way, checked: way === first })
  return h('label', { class: 'way' }, input, h('span', {}, name, h('small', {}, detail)))
}

function field(label: string, value: string, type: 'number' | 'password', detail: string) {
  const numeric = type === 'number' ? { min: '1', step: '1', inputmode: 'numeric' } : { autocomplete: 'off' }
  const input = h('input', { type, value, ...numeric })
  return { input, row: h('label', { class: 'field' }, label, input, h('small', { class: 'dim' }, detail)) }
}
