import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/nodectl/chain/ports.ts'

const MAIN = fileURLToPath(new URL('./relayMain.ts', import.meta.url))

/** A relay process on loopback that can be killed, and started again at the same address. */
export class RelayProcess {
  readonly url: string
  readonly #port: number
  #child: ChildProcess | undefined

  private constructor(port: number) {
    this.#port = port
    this.url = `ws://127.0.0.1:${port}`
  }

  static async start(): Promise<RelayProcess> {
    const [port] = await freePorts(1)
    const relay = new RelayProcess(port!)
    await relay.up()
    return relay
  }

  async up(): Promise<void> {
    this.#child = fork(MAIN, [`${this.#port}`], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await once(this.#child, 'message')
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
