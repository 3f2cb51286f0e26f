import { jcs } from '../../../src/wire/encoding.ts'
import { signMessageWith } from '../../../src/wire/message.ts'
import { encodeStatement, type Statement } from '../../../src/wire/statement.ts'
import { type Attack, mustBe, until } from '../attack.ts'
import { claiming, film, KIB, mustHavePaid, type Sale, sell, worst } from '../sale.ts'
import { type Lies, reply, type Visit } from '../speaker/seller.ts'

/** Slow enough that the buyer is ahead at its end: there is a balance to lie about. */
const honestFilm = async (visit: Visit): Promise<void> => void ((await film(visit, 12, 25)) && visit.outgoing.end())
const closing = (change: (statement: Statement) => Statement) => {
  return (statement: Statement): Statement => (statement.state === 'closed' ? change(statement) : statement)
}

/** Each a lie in the closing statement, and how the buyer is to call it. */
const LIES: ReadonlyArray<readonly [what: string, lies: Lies]> = [
  ['three more kibibytes were delivered', { statement: closing((s) => claiming(s, s.steps + 3072n)) }],
  ['twice as much was delivered', { statement: closing((s) => claiming(s, s.steps * 2n)) }],
  ['sums that do not add up', { statement: closing((s) => ({ ...s, balance: (s.balance + 1n) as never })) }],
  [
    'a delivery that is not the cost of its steps',
    { statement: closing((s) => ({ ...s, delivered: (s.delivered + 1n) as never })) },
  ],
  ['more returned than paid', { statement: closing((s) => ({ ...s, returned: (s.paid * 2n) as never })) }],
  [
    'fewer payments than settled',
    { statement: closing((s) => claiming({ ...s, paid: (s.paid / 2n) as never }, s.steps / 4n)) },
  ],
  ['another agreement', { statement: closing((s) => ({ ...s, agreement: 'ab'.repeat(16) })) }],
  ['another price', { statement: closing((s) => claiming({ ...s, price: { ...s.price, msat: 2000n } }, s.steps)) }],
  ['not closed', { statement: closing((s) => ({ ...s, state: 'open' })) }],
  ['no signature', { sign: async () => undefined }],
  ['a signature by another key', { sign: async (text) => signMessageWith(new Uint8Array(32).fill(5), text) }],
  ['a signature of another text', { sign: (text, stall) => stall.node.signMessage(`${text} `) }],
]

export const lyingClose: Attack = {
  name: 'closing-with-a-lie',
  side: 'seller',
  what: `delivers honestly and lies in the closing statement: ${LIES.map(([what]) => what).join(', ')}`,
  async run(stage) {
    const sales: Sale[] = []
    const believed: string[] = []
    for (const [what, lies] of LIES) {
      let told = lies.sign !== undefined
      const statement: Lies['statement'] = (honest, ...context) => {
        const said = lies.statement?.(honest, ...context) ?? honest
        told ||= honest.state === 'closed' && jcs(encodeStatement(said)) !== jcs(encodeStatement(honest))
        return said
      }
      const sale = await sell(stage, { lies: { ...lies, statement, use: honestFilm } })
      mustHavePaid(sale)
      mustBe(told, `what was to be a lie is the truth: ${what}`)
      const { closings, closing: failure } = sale.purchase
      if (failure === undefined && closings.every(({ dispute }) => dispute === undefined)) believed.push(what)
      sales.push(sale)
    }
    return worst(sales, {
      also: [{ measure: 'lies believed', loss: BigInt(believed.length), bound: 0n }],
      ...(believed.length > 0 && { answers: Object.fromEntries(believed.map((what) => [`believed: ${what}`, 1])) }),
    })
  },
}

/** What the buyer says came back, against what its node got. */
const claimedBack = ({ purchase, returned }: Sale) => {
  const claimed = purchase.closings.reduce((sum, one) => sum + (one.returned === 'settled' ? one.amount : 0n), 0n)
  return {
    measure: 'msat called returned that never came',
    loss: claimed > returned ? claimed - returned : 0n,
    bound: 0n,
  }
}

export const keepsBalance: Attack = {
  name: 'refused-return',
  side: 'seller',
  what: 'refuses the return, answers it with nonsense, and calls it `pending` for ever',
  async run(stage) {
    const answers: ReadonlyArray<(visit: Visit) => void> = [
      ({ outgoing }) => void outgoing.writeHead(400).end('{}'),
      ({ outgoing }) => reply(outgoing, { status: ['settled'], statement: null }),
      ({ outgoing }) => reply(outgoing, { status: 'pending' }),
    ]
    const sales: Sale[] = []
    for (const answer of answers) sales.push(await sell(stage, { lies: { use: honestFilm, return: answer } }))
    for (const sale of sales) mustHavePaid(sale)
    return worst(sales, { also: sales.map(claimedBack).slice(0, 1) })
  },
}

export const falseReturn: Attack = {
  name: 'false-return',
  side: 'seller',
  what: 'says that the return settled, and pays nothing',
  async run(stage) {
    const sale = await sell(stage, {
      lies: {
        use: async (visit) => {
          const { stall, deal } = visit
          await film(visit, 1)
          await until(() => deal !== undefined && stall.paid(deal) >= 4000n, 3000)
          visit.outgoing.write(new Uint8Array(KIB))
        },
        return: ({ outgoing }) => reply(outgoing, { status: 'settled' }),
      },
      order: { stopAfter: 2 * KIB },
    })
    mustHavePaid(sale)
    mustBe(
      sale.purchase.closings.some(({ amount }) => amount >= 1000n),
      'there was no balance to return',
    )
    return worst([sale], { also: [claimedBack(sale)] })
  },
}

/** Nothing but data: every control action is left without an answer. */
export const deafControl: Attack = {
  name: 'deaf-control',
  side: 'seller',
  what: 'delivers, and never answers a request for invoices, a watch, a close or a return',
  async run(stage) {
    const deaf = () => {}
    const sale = await sell(stage, {
      lies: { use: honestFilm, invoices: deaf, watch: deaf, close: deaf, return: deaf },
      order: { patienceMs: 20_000 },
    })
    mustHavePaid(sale)
    mustBe(sale.purchase.closing !== undefined, 'the close was answered')
    return worst([sale])
  },
}
