import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Chain } from '../../lightning/embedded/chain/chain.ts'
import { createEmbeddedNode, type EmbeddedNode } from '../../lightning/embedded/index.ts'
import { sat } from '../../money/msat.ts'
import { type Finding, ok } from './finding.ts'
import { judgePayment, PAYMENT_MS, type TestPayment } from './payment.ts'
import { Walk } from './walk.ts'

const START_MS = 60_000

/**
 * The short walk of the embedded node: whether it starts, and pays, on a private chain made for that; and whether the chain that this
 * user's nodes share can be read.
 * @param home state directory of that chain
 */
export async function examineEmbedded(
  home: string,
  onFinding?: (finding: Finding) => void,
): Promise<{ readonly findings: readonly Finding[]; readonly network: 'regtest' }> {
  const walk = new Walk(onFinding)
  const trial = mkdtempSync(join(tmpdir(), 'streampay-doctor-'))
  const nodes: EmbeddedNode[] = []
  try {
    await walk.step(
      'embedded',
      async () => {
        for (const name of ['payer', 'payee']) nodes.push(await createEmbeddedNode({ home: trial, name }))
        return nodes.length
      },
      () => ok('it starts here; for private chains only, so that no other network can be mixed in'),
      START_MS,
    )
    await walk.step('chain', async () => chainHeight(home), judgeChain)
    if (nodes.length === 2) await walk.step('payment', () => payBetween(nodes[0]!, nodes[1]!), judgePayment, START_MS)
    else walk.skipTo('payment', 'embedded')
    return { findings: walk.findings, network: 'regtest' }
  } finally {
    await Promise.allSettled(nodes.map((node) => node.close()))
    rmSync(trial, { recursive: true, force: true })
  }
}

async function payBetween(payer: EmbeddedNode, payee: EmbeddedNode): Promise<TestPayment> {
  const request = { amount: sat(1), description: 'streampay doctor', expiresInSeconds: 60 }
  const [invoice] = await payee.createInvoices([request])
  const outcome = await payer.pay({ request: invoice!.request, maxFee: sat(0), timeoutMs: PAYMENT_MS })
  return { way: 'from one embedded node to another', outcome }
}

/** `undefined`: there is none yet. @throws StreamError `node-corrupt`, `disk-full` */
function chainHeight(home: string): number | undefined {
  const path = join(home, 'chain.db')
  if (!existsSync(path)) return undefined
  const chain = Chain.open(path)
  try {
    return chain.tip.height
  } finally {
    chain.close()
  }
}

const judgeChain = (height: number | undefined) =>
  ok(height === undefined ? 'there is none yet; the first embedded node makes it' : `whole, at block ${height}`)
