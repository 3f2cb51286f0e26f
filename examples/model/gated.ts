import { createLndNode, parseLndSpec } from '../../src/lightning/lnd/index.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { modelHandler } from './handler.ts'
import { loadLanguageModel } from './llama.ts'
import { prepareModel } from './setup.ts'

export interface GatedModel {
  readonly url: string
  /** Tokens computed since the start, whoever paid for them. */
  tokens(): Promise<number>
  close(): Promise<void>
}

export interface GatedModelOptions {
  /** Such as "1 sat/token". */
  readonly price: string
  readonly credit: string
  /** `lnd:DIR@HOST:PORT` of the node that is paid. */
  readonly node: string
}

/**
 * Sells the model from inside its own process. Behind `streampay sell URL` the network's buffers lie between the gate and
 * the model, and hold a whole answer; here nothing does, so a token is computed only when it is covered.
 * @throws Error where the model does not run here; see `modelAvailable`
 */
export async function serveGatedModel({ price, credit, node: spec }: GatedModelOptions): Promise<GatedModel> {
  const files = await prepareModel()
  const model = await loadLanguageModel(files.llama, files.weights, files.name)
  const node = await createLndNode(parseLndSpec(spec))
  const wall = paywall({ node, price, credit })
  const free = modelHandler(model)
  const sold = wall(free)
  // What says nothing of worth stays free; the answers are what is sold.
  const { url, close } = await serve((request) => (request.method === 'GET' ? free(request) : sold(request)), {
    port: 0,
  })
  return {
    url,
    tokens: async () => {
      const health = (await (await fetch(`${url}/health`)).json()) as { tokens: number }
      return health.tokens
    },
    close: async () => {
      await close()
      await wall.close()
      await node.close()
      await model.close()
    },
  }
}
