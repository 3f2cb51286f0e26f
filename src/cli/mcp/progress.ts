import type { ServerContext } from '@modelcontextprotocol/server'
import type { Buyer } from '../../buyer/buyer.ts'
import { formatMsat, type Msat } from '../../money/msat.ts'
import { formatUnits } from '../output/meter.ts'

const LOOK_MS = 200

/**
 * Tells a client that asked for it what was paid so far, whenever that has grown. Returns what ends it.
 * @param max of the budget: what there is to come to at most
 */
export function tellProgress(buyer: Buyer, max: Msat, { mcpReq }: ServerContext): () => void {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return () => {}
  let told = -1n
  const tell = () => {
    const { trades } = buyer
    const prepaid = buyer.prepaid.filter(({ payments }) => payments > 0)
    const paid = [...trades, ...prepaid].reduce((sum, one) => sum + one.paid, 0n)
    if (trades.length + prepaid.length === 0 || paid <= told) return
    told = paid
    const counted = [
      ...trades.map(({ steps, unit }) => formatUnits(steps, unit)),
      ...prepaid.map(({ received, scheme }) => `${formatMsat(received)} by ${scheme}`),
    ].join(', ')
    const params = {
      progressToken,
      progress: Number(paid),
      total: Number(max),
      message: `${formatMsat(paid)} paid, ${counted} received`,
    }
    // A client that is gone has cancelled the call, too.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
  const timer = setInterval(tell, LOOK_MS)
  return () => {
    clearInterval(timer)
    tell()
  }
}
