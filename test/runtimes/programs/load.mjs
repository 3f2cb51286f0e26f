// Which entry points a runtime loads, and what a book on disk says where there is no SQLite.
import process from 'node:process'
import { failure, tell } from './talk.mjs'

const loaded = {}
const [home, ...names] = process.argv.slice(2)
for (const name of names) {
  loaded[name] = await import(name).then(
    (module) => Object.keys(module).length,
    (error) => failure(error).message,
  )
}
const { openJournal } = await import('streampay/buyer')
const { createEmbeddedNode } = await import('streampay/lightning')
const refused = (work) => work().then(async (opened) => void (await opened?.close?.()), failure)
tell({
  result: {
    loaded,
    memory: await refused(async () => openJournal(':memory:')),
    disk: await refused(async () => openJournal(`${home}/journal.db`).end()),
    node: await refused(() => createEmbeddedNode({ home, name: 'one' })),
  },
})
