import { StreamError } from '../../../src/errors/error.ts'
import { createLndNode, type LndOptions } from '../../../src/lightning/lnd/index.ts'
import type { LightningNode, PaymentOutcome } from '../../../src/lightning/node.ts'
import { payInvoice } from '../../../src/lightning/verbs/verbs.ts'
import { sat } from '../../../src/money/msat.ts'
import { NETWORKS } from '../../../src/nodectl/networks/networks.ts'
import { makeInvoice } from '../../../src/wire/testing/invoice.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { Member, World } from '../world.ts'

/** An invoice of each network, brought to the nodes of all others. */
export async function invoices({ members }: World): Promise<Attempt[]> {
  const things = await Promise.all(
    members.map(async (member) => ({ network: member.network, request: await invoiceOf(member) })),
  )
  return crossings(things, members).flatMap(([{ network, request }, { options, network: owner }]) => [
    {
      mix: 'invoice × node',
      by: 'guard' as const,
      network,
      owner,
      attempt: () => through(options, (node) => payInvoice(node, request, { timeoutMs: 5_000 })),
    },
    {
      mix: 'invoice × node',
      by: 'LND' as const,
      network,
      owner,
      attempt: () => through(options, (node) => node.pay({ request, maxFee: sat(10), timeoutMs: 5_000 })),
    },
  ])
}

async function through(options: LndOptions, pay: (node: LightningNode) => Promise<PaymentOutcome>): Promise<void> {
  const node = await createLndNode(options)
  try {
    const outcome = await pay(node)
    if (outcome.status === 'failed') throw new StreamError(outcome.reason, outcome.detail)
    if (outcome.status !== 'settled') throw new Error(`the outcome is ${outcome.status}`)
  } finally {
    await node.close()
  }
}

/** By the node itself where its LND has a chain; a light client without peers makes none, and a key of nobody's signs one. */
async function invoiceOf({ network, options }: Member): Promise<string> {
  if (!NETWORKS[network].private) {
    return makeInvoice({
      privateKey: new Uint8Array(32).fill(11),
      network,
      amount: sat(1),
      paymentHash: 'ab'.repeat(32),
      description: 'of another network',
      createdAtMs: Date.now(),
      expiresInSeconds: 3600,
    })
  }
  const node = await createLndNode(options)
  const [invoice] = await node.createInvoices([{ amount: sat(1), description: 'x', expiresInSeconds: 3600 }])
  await node.close()
  return invoice!.request
}
