import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import { METHOD } from '../../wire/challenge.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { type AnyCredential, parseAnyCredential } from '../../wire/credential.ts'
import { CHARGE_INTENT } from '../../wire/mpp/charge.ts'
import { SESSION_INTENT } from '../../wire/mpp/session.ts'
import type { Account } from '../account.ts'
import type { PaidHandler } from '../meter.ts'
import { useCharge } from './charge.ts'
import { useL402 } from './l402.ts'
import { Menus } from './menu.ts'
import { checkSchemes } from './quote.ts'
import { Remembered } from './remembered.ts'
import type { Host } from './serve.ts'
import { useProvenSession, useSession } from './session.ts'
import type { Shown } from './shown.ts'

/** The schemes of the field at one wall, beside our own or in its place. */
export class WallSchemes {
  readonly menus: Menus
  readonly #host: Host
  readonly #schemes: readonly SchemeName[]
  readonly #allowance: Msat | undefined
  readonly #tokens: Remembered
  readonly #bearers: Remembered

  /** @throws StreamError `option-invalid` */
  constructor(host: Host, schemes: readonly SchemeName[], allowance: Msat | undefined) {
    this.#host = host
    this.#schemes = checkSchemes(schemes)
    this.#allowance = allowance
    const holds = (account: Account) => host.seller.accounts.holds(account)
    this.#tokens = new Remembered(holds)
    this.#bearers = new Remembered(holds)
    this.menus = new Menus(host.seller, schemes, allowance)
  }

  isOf(schemes: readonly SchemeName[], allowance: Msat | undefined): boolean {
    return this.#schemes.join() === schemes.join() && this.#allowance === allowance
  }

  /**
   * Serves a request by what it shows; `undefined` where that is a credential of our own scheme.
   * @throws StreamError
   */
  use(handler: PaidHandler, request: Request, shown: Shown): Promise<Response> | undefined {
    const use = { host: this.#host, handler, request }
    if (shown.kind !== 'payment') {
      this.#check('l402')
      return useL402(use, shown, this.#tokens)
    }
    const bearer = this.#bearers.get(shown.text)
    if (bearer) return useProvenSession(use, bearer)
    const credential = parseAnyCredential(shown.text)
    switch (intentOf(credential)) {
      case CHARGE_INTENT:
        this.#check('charge')
        return useCharge(use, credential)
      case SESSION_INTENT:
        this.#check('session')
        return useSession(use, credential, (proven) => this.#bearers.set(shown.text, proven))
      default:
        return undefined
    }
  }

  #check(scheme: SchemeName): void {
    if (!this.#schemes.includes(scheme)) throw new StreamError('method-unsupported', `${scheme} is not served here`)
  }
}

const intentOf = ({ challenge: { method, intent } }: AnyCredential): string | undefined =>
  method === METHOD ? intent : undefined

/** The intent whose draft says how a refusal of this credential is to look; `undefined` for any other, and for what cannot be read. */
export function draftOf(shown: Shown): 'charge' | 'session' | undefined {
  if (shown.kind !== 'payment') return undefined
  try {
    const intent = intentOf(parseAnyCredential(shown.text))
    return intent === CHARGE_INTENT || intent === SESSION_INTENT ? intent : undefined
  } catch {
    return undefined
  }
}
