import { createEmbeddedNode, type EmbeddedNode } from '../index.ts'
import { answer } from '../rpc.ts'

/** A process with one embedded node in it, driven by its parent (`remote.ts`). Started as `child.ts HOME NAME`. */
const [home, name] = process.argv.slice(2)
const send = (message: unknown): boolean => process.send!(message)
const node = await createEmbeddedNode({ home: home!, name: name!, log: (line) => send({ log: line }) })
node.subscribeSettlements(
  0n,
  (settlement) => send({ settlement }),
  (error) => send({ log: error.message }),
)
// It is asked who it is.
const calls: Omit<EmbeddedNode, 'identity'> = node
process.on('message', (request) => answer(calls, request, { postMessage: send }))
process.on('disconnect', () => process.exit())
send({ ready: true })
