import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { nodeContract } from '../../src/lightning/node.contract.ts'
import { createNwcNode } from '../../src/lightning/nwc/index.ts'
import { RelayProcess } from './relay.ts'
import { Wallet, type WalletChanges } from './wallet.ts'

const { net, skip } = await sharedNet()

describe.skipIf(skip)(`wallets behind NWC${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const both = (name: string, changes: WalletChanges): void =>
    nodeContract(name, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'streampay-nwc-'))
      const relay = await RelayProcess.start()
      const wallets = await Promise.all([
        Wallet.start(net!.alice, relay, changes),
        Wallet.start(net!.bob, relay, changes),
      ])
      const [payer, payee] = await Promise.all(
        wallets.map((wallet, i) => createNwcNode({ file: wallet.fileIn(folder, `${i}.nwc`), folder })),
      )
      return {
        payer: payer!,
        payee: payee!,
        teardown: async () => {
          await Promise.all([payer!.close(), payee!.close()])
          await Promise.all(wallets.map((wallet) => wallet.close()))
          await relay.kill()
          rmSync(folder, { recursive: true })
        },
      }
    })

  both('a wallet that tells of payments', { notifies: true })
  both('a wallet of few words', {
    without: ['sign_message', 'pay_keysend'],
    info: { network: undefined, pubkey: '', alias: undefined },
  })
})
