import type { LightningNode, PaymentOutcome } from '../../../src/lightning/node.ts'
import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import type { Log } from './log.ts'

/** A node whose every word about money is noted before whoever asked hears it. */
export function loggedNode<N extends LightningNode>(node: N, log: Log): N {
  const noteEnd = (hash: string, outcome: PaymentOutcome | undefined): void => {
    if (!outcome) log.note({ is: 'end', hash, status: 'never', fee: '0' })
    else if (outcome.status === 'settled') log.note({ is: 'end', hash, status: 'settled', fee: `${outcome.fee}` })
    else if (outcome.status === 'failed') log.note({ is: 'end', hash, status: 'failed', fee: '0' })
  }
  const own: Pick<LightningNode, 'pay' | 'lookupPayment' | 'subscribeSettlements'> = {
    async pay(payment) {
      const { paymentHash: hash, amount } = decodeInvoice(payment.request)
      log.note({ is: 'ask', hash, amount: `${amount}` })
      const outcome = await node.pay(payment)
      noteEnd(hash, outcome)
      return outcome
    },
    async lookupPayment(hash) {
      const outcome = await node.lookupPayment(hash)
      noteEnd(hash, outcome)
      return outcome
    },
    subscribeSettlements(since, onSettled, onError) {
      return node.subscribeSettlements(
        since,
        (settlement) => {
          log.note({ is: 'settled', hash: settlement.paymentHash, amount: `${settlement.amount}` })
          onSettled(settlement)
        },
        onError,
      )
    },
  }
  return new Proxy(node, {
    get(target, name) {
      const member = Reflect.get(Object.hasOwn(own, name) ? own : target, name)
      return typeof member === 'function' ? member.bind(Object.hasOwn(own, name) ? own : target) : member
    },
  })
}
