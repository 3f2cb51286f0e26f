import { type PaymentOption, readChallenges } from '../../src/wire/challenges.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { formatL402Credential } from '../../src/wire/l402/header.ts'

/** The challenges of a 402, by scheme. */
export function offeredBy(response: Response) {
  const { options, skipped } = readChallenges(response.headers.get('www-authenticate') ?? '')
  const of = <S extends PaymentOption['scheme']>(scheme: S) => {
    const found = options.find((option) => option.scheme === scheme)
    if (!found)
      throw new Error(`no ${scheme} in ${options.map((option) => option.scheme)}, skipped ${JSON.stringify(skipped)}`)
    return found as Extract<PaymentOption, { scheme: S }>
  }
  const session = () => of('session')
  return {
    names: options.map(({ scheme }) => scheme),
    charge: () => of('charge'),
    session,
    l402: () => of('l402').challenge,
    /** The invoice that all of them share. */
    invoice: () => of('charge').request.invoice,
    deposit: () => session().request.depositInvoice!,
  }
}

export type Offered = ReturnType<typeof offeredBy>

export const byCharge = (offered: Offered, preimage: string) => ({
  authorization: formatAnyCredential({ challenge: offered.charge().challenge, payload: { preimage } }),
})

export const bySession = (offered: Offered, payload: Record<string, unknown>) => ({
  authorization: formatAnyCredential({ challenge: offered.session().challenge, payload }),
})

export const byL402 = (offered: Offered, preimage: string) => ({
  authorization: formatL402Credential(offered.l402().token, preimage),
})

export const problemOf = async (response: Response) =>
  (await response.json()) as { type: string; code: string; status: number; withheld?: string; retryAfter?: string }
