import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { getChannelBalance } from 'lightning'
import { blockHeight, mine } from '../src/nodectl/chain/btcd.ts'
import { isAlive } from '../src/nodectl/daemon/alive.ts'
import { buildBinaries, builtBinaries } from '../src/nodectl/programs/build.ts'
import { openLnd } from './lnd.ts'
import { type LightningNetData, STATE_FILE, startLightningNet } from './network.ts'
import { printer } from './printer.ts'

const USAGE = `usage: node lightning-net/cli.ts <build|up|down|status|mine> [options]

  build            build lnd, lncli and btcd, once (about six minutes on two cores)
  up               start a network; it runs until Ctrl-C or \`down\`
  down             stop it, from another terminal
  status           what runs, and who holds what
  mine [BLOCKS]    mine blocks (1)

  --dir DIR        where the network lives (default: ~/.cache/streampay-net)
  --port PORT      the first of eight ports, all below 32768 (default: free ones)
  --carol          a third node behind bob`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: join(homedir(), '.cache', 'streampay-net') },
    port: { type: 'string' },
    carol: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const dir = resolve(values.dir)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

interface State extends LightningNetData {
  readonly pid: number
}

/** What the network that lives in the directory wrote about itself; fails when none runs there. */
async function running(): Promise<State> {
  const text = await readFile(join(dir, STATE_FILE), 'utf8').catch(() => undefined)
  const state = text === undefined ? undefined : (JSON.parse(text) as State)
  if (!state || !isAlive(state.pid)) throw new Error(`no network runs in ${dir}`)
  return state
}

async function up(): Promise<void> {
  const port = values.port === undefined ? {} : { basePort: Number(values.port) }
  const net = await startLightningNet({ dir, ...port, carol: values.carol, onProgress: say })
  const stop = (): void => {
    say('stopping')
    void net.stop().then(() => process.exit(0))
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  say('Ctrl-C ends it.\n')
  await status()
}

async function down(): Promise<void> {
  const { pid } = await running()
  process.kill(pid, 'SIGTERM')
  while (isAlive(pid)) await new Promise((done) => setTimeout(done, 100))
}

async function status(): Promise<void> {
  const state = await running()
  console.log(`${state.network}, ${await blockHeight(state.btcd)} blocks, in ${state.dir}`)
  const lncli = builtBinaries()?.lncli ?? 'lncli'
  for (const node of [state.alice, state.bob, state.carol]) {
    if (!node) continue
    const lnd = await openLnd(node)
    const { channel_balance, inbound } = await getChannelBalance({ lnd })
    console.log(`\n${node.name}  ${node.publicKey}`)
    console.log(`  can send ${channel_balance} sat, can receive ${inbound} sat`)
    console.log(`  --node ${node.spec}`)
    console.log(`  ${lncli} --network=regtest --lnddir=${node.dir} --rpcserver=${node.socket} getinfo`)
  }
}

const VERBS: Readonly<Record<string, () => Promise<unknown>>> = {
  build: async () => console.log(JSON.stringify(await buildBinaries(printer()), null, 2)),
  up,
  down,
  status: async () => {
    await status()
    // gRPC keeps its connections for as long as the process lives.
    process.exit(0)
  },
  mine: async () => mine((await running()).btcd, Number(positionals[1] ?? 1)),
}

const verb = VERBS[positionals[0] ?? '']
if (!verb || values.help) {
  say(USAGE)
  process.exitCode = values.help ? 0 : 2
} else {
  await verb().catch((error: Error) => {
    say(`lightning-net: ${error.message}`)
    process.exit(1)
  })
}
