import { describe, it } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { expectSound } from './testing/command.ts'

const skip = noLnd()

// A network of its own: the shared one's nodes are not to be killed under the other tests.
describe.skipIf(skip)(`the soak on LND${skip ? ` (skipped: ${skip})` : ''}`, () => {
  it('loses nothing, by the command itself', () => expectSound('--minutes', '0.6', '--node', 'lnd'), 900_000)
})
