import { bytesToHex } from '@noble/hashes/utils.js'
import { msat, sat } from '../../src/money/msat.ts'
import { signMessageWith } from '../../src/wire/message.ts'
import {
  decodeStatement,
  encodeStatement,
  type Statement,
  signingText,
  verifyStatement,
} from '../../src/wire/statement.ts'
import { nodeKey, statement as open, payee } from '../../src/wire/testing/fixtures.ts'
import { refusals, type Vectors } from './row.ts'

const sign = (statement: Statement): Statement => ({
  ...statement,
  signature: signMessageWith(nodeKey, signingText(statement)),
})
const closed = sign({ ...open, state: 'closed' })
const SIGNED = {
  'with a balance': closed,
  'after the balance went back': sign({ ...open, state: 'closed', returned: msat(7_655n), balance: sat(0) }),
  'on credit that was never paid': sign({ ...open, state: 'closed', paid: sat(400), balance: sat(0) }),
  'with a member this version does not know': sign({ ...open, state: 'closed', further: { tier: 'gold' } }),
}
const json = encodeStatement(closed)

export const statement = (): Vectors => ({
  about: 'Statements (section 4). The signature is over `signed`, by `privateKey`, as in message.json.',
  privateKey: bytesToHex(nodeKey),
  payee,
  open: encodeStatement(open),
  closing: Object.entries(SIGNED).map(([name, any]) => ({
    name,
    statement: encodeStatement(any),
    signed: signingText(any),
  })),
  refused: refusals<object>(
    {
      'marked unsigned': { ...json, signature: undefined, unsigned: 'true' },
      'marked unsigned, with a signature': { ...json, unsigned: 'true' },
      'marked unsigned in another word': { ...json, unsigned: 'yes' },
      'no signature': { ...json, signature: undefined },
      'another payee': { ...json, payee: `03${'00'.repeat(32)}` },
      'one step more': { ...json, steps: '412346' },
      'one msat delivered more': { ...json, delivered: '412346' },
      'one msat of balance more': { ...json, balance: '7656' },
      'returned beyond paid': { ...json, returned: '420001', balance: '0' },
      'something due though closed': { ...json, due: '1' },
      'reopened under the old signature': { ...json, state: 'open' },
      'a later time': { ...json, at: '2026-01-02T03:04:06.000Z' },
      'a time without milliseconds': { ...json, at: '2026-01-02T03:04:05Z' },
      'a member added': { ...json, tier: 'gold' },
      'a member that is no text': { ...json, tier: {} },
    },
    (value) => verifyStatement(decodeStatement(value), payee),
  ),
})
