import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NetNode } from '../../lightning-net/lnd.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { createNwcNode } from '../../src/lightning/nwc/index.ts'
import { RelayProcess } from './relay.ts'
import { Wallet, type WalletChanges } from './wallet.ts'

/** A relay process, a wallet service in front of an LND, and a folder for what Stream keeps. */
export class Stage {
  readonly relay: RelayProcess
  readonly wallet: Wallet
  readonly folder: string
  readonly file: string
  readonly #nodes: LightningNode[] = []

  private constructor(relay: RelayProcess, wallet: Wallet, folder: string) {
    this.relay = relay
    this.wallet = wallet
    this.folder = folder
    this.file = wallet.fileIn(folder)
  }

  static async open(net: NetNode, changes: WalletChanges = {}): Promise<Stage> {
    const relay = await RelayProcess.start()
    return new Stage(relay, await Wallet.start(net, relay, changes), mkdtempSync(join(tmpdir(), 'streampay-nwc-')))
  }

  /** The wallet as a node; opened again it is the same wallet, as after a restart. */
  async node(role?: 'buyer' | 'seller'): Promise<LightningNode> {
    const node = await createNwcNode({ file: this.file, folder: this.folder, ...(role && { role }) })
    this.#nodes.push(node)
    return node
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()))
    await this.wallet.close()
    await this.relay.kill()
    rmSync(this.folder, { recursive: true })
  }
}
