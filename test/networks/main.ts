import { parseArgs } from 'node:util'
import { startLightningNet } from '../../lightning-net/network.ts'
import type { Row } from './attempt.ts'
import { mixNetworks } from './table.ts'
import { startWorld } from './world.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** One line for each mixture of networks that was tried, and one for all. */
function tell({ mix, network, owner, by, refused, code, words }: Row): void {
  const row = { what: mix, network, nodeNetwork: owner, refused, refusedBy: by, code, words }
  if (values.json) console.log(JSON.stringify({ event: 'combination', ...row }))
  else
    console.log(
      `${refused ? '✓' : '✗'} ${mix.padEnd(36)} ${network.padEnd(8)}→ ${owner.padEnd(8)} ${by.padEnd(6)} ${code ?? ''}  ${words}`,
    )
}

say('starting nodes on five networks')
const net = await startLightningNet({ onProgress: say })
const world = await startWorld(net)
const { rows, paid } = await mixNetworks(world, tell)
await world.stop()
await net.stop()
const refused = rows.filter((row) => row.refused).length
const ok = refused === rows.length && paid === 0n
if (values.json) console.log(JSON.stringify({ ok, combinations: rows.length, refused, paid: `${paid}` }))
else say(`${rows.length} combinations, ${refused} refused, ${paid} msat paid`)
process.exit(ok ? 0 : 1)
