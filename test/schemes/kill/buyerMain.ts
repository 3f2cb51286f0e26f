import { createBuyer } from '../../../src/buyer/buyer.ts'
import { openUserJournal } from '../../../src/cli/journal.ts'
import { openNode } from '../../../src/cli/node.ts'
import { toStreamError } from '../../../src/errors/error.ts'
import type { SchemeName } from '../../../src/wire/challenges.ts'

/**
 * Buys by several schemes at once, over and over, as `streampay get` does each time: with the user's journal and node, and a buyer for each purchase, which
 * knows of earlier ones only what is written. Says how each ended, and ends when it is told to.
 */
const [url = '', ...schemes] = process.argv.slice(2)
const PAUSE_MS = 50
const journal = openUserJournal()
const node = await openNode('embedded', 'buyer')
let isOver = false
process.once('SIGTERM', () => {
  isOver = true
})

async function buy(scheme: string): Promise<void> {
  const buyer = createBuyer({ node, journal, schemes: [scheme as SchemeName] })
  try {
    const response = await buyer.fetch(`${url}/${scheme}`)
    const text = await response.text()
    console.log(JSON.stringify({ scheme, status: response.status, bytes: text.length }))
  } catch (error) {
    console.log(JSON.stringify({ scheme, code: toStreamError(error).code, message: toStreamError(error).message }))
  }
  await buyer.close().catch(() => {})
}

await Promise.all(
  schemes.map(async (scheme) => {
    while (!isOver) {
      await buy(scheme)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }),
)
await journal.end()
await node.close()
process.exit()
