import path from 'node:path'
import { agreement } from './agreement.ts'
import { bolt11 } from './bolt11.ts'
import { challenge } from './challenge.ts'
import { credential } from './credential.ts'
import { message } from './message.ts'
import { money } from './money.ts'
import { negotiation } from './negotiation.ts'
import { problem } from './problem.ts'
import { proof } from './proof.ts'
import { receipt } from './receipt.ts'
import { schemes } from './schemes.ts'
import { statement } from './statement.ts'
import { tariff } from './tariff.ts'

export const VECTORS_FOLDER = path.join(import.meta.dirname, '..', '..', 'spec', 'vectors')

const files = {
  money,
  challenge,
  credential,
  agreement,
  statement,
  receipt,
  problem,
  message,
  bolt11,
  negotiation,
  proof,
  tariff,
  schemes,
}

/** File names and their text, as the code makes them now. */
export const makeVectors = (): Array<readonly [name: string, text: string]> =>
  Object.entries(files).map(([name, make]) => [`${name}.json`, `${JSON.stringify(make(), null, 2)}\n`])
