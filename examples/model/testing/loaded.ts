import { afterAll, beforeAll } from 'vitest'
import { modelHandler } from '../handler.ts'
import { type LanguageModel, loadLanguageModel } from '../llama.ts'
import { prepareModel } from '../setup.ts'

/** The first start fetches the model. */
export const FETCH_MS = 300_000

/** The model in this process, for the tests of one `describe`. */
export function loadedModel() {
  let model: LanguageModel
  beforeAll(async () => {
    const files = await prepareModel()
    model = await loadLanguageModel(files.llama, files.weights, files.name)
  }, FETCH_MS)
  afterAll(() => model?.close())

  /** A handler of its own for each test, and how many tokens it has computed. */
  return () => {
    const handle = modelHandler(model)
    const computed = async (): Promise<number> => {
      const response = await handle(new Request('http://model/health'))
      return ((await response.json()) as { readonly tokens: number }).tokens
    }
    return { handle, computed }
  }
}
