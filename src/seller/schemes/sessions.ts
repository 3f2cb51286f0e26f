import type { Ledger } from '../../ledger/ledger.ts'
import { type Msat, msat } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import type { SessionClosed } from '../../wire/mpp/session.ts'
import type { Account } from '../account.ts'
import type { Accounts } from '../accounts.ts'
import type { Clock } from '../clock.ts'
import type { Returns } from '../returns.ts'
import { closeUnsigned } from './closing.ts'

/** How long a session may idle before it is closed and its balance returned: what the draft recommends. In ms. */
export const SESSION_IDLE_MS = 300_000
const LOOK_MS = 5000
/** The longest that a claim on a return invoice lives, however long the invoice does. */
const LONGEST_RETURN_MS = 7 * 24 * 3_600_000

export interface SessionsParts {
  readonly ledger: Ledger
  readonly accounts: Accounts
  readonly clock: Clock
  readonly returns: () => Promise<Returns>
  readonly idleMs: number
  /** No less is returned. */
  readonly smallestReturn: Msat
  readonly onClosed: (account: Account) => void
  readonly onError: (error: unknown) => void
}

/** How a closed session stands. */
export interface Refund extends SessionClosed {
  /** The refund did not arrive yet and is tried again: a later `close` tells how it ended. */
  readonly pending: boolean
}

/**
 * The sessions of a seller (draft-lightning-session): closes those that nobody uses, and returns what is left. A balance is a durable claim
 * like any other return, so it is paid once, whatever is killed when.
 */
export class Sessions {
  readonly #parts: SessionsParts
  /** When each open session was last used, by the monotonic clock. */
  readonly #usedAtMs = new Map<string, number>()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(parts: SessionsParts) {
    this.#parts = parts
  }

  get idleMs(): number {
    return this.#parts.idleMs
  }

  /** Takes up what an earlier run left: its sessions idle from now on, and what it closed and did not return is returned. */
  async load(): Promise<void> {
    const { ledger, smallestReturn } = this.#parts
    for (const id of await ledger.unfinishedSessions(smallestReturn)) {
      this.#note(id)
      // Of one that was closed nobody comes back to use it: what it has left goes back at the first look.
      if ((await ledger.getAgreement(id))?.state === 'closed') this.#usedAtMs.set(id, -Infinity)
    }
  }

  used(account: Account): void {
    this.#note(account.agreement.id)
  }

  #note(id: string): void {
    this.#usedAtMs.set(id, this.#parts.clock.monotonicMs())
    if (this.#timer) return
    this.#timer = setInterval(() => void this.sweep(), Math.min(LOOK_MS, this.#parts.idleMs))
    this.#timer.unref?.()
  }

  /** Closes what has idled. Runs by itself. */
  async sweep(): Promise<void> {
    for (const id of [...this.#usedAtMs.keys()]) {
      try {
        await this.#look(id)
      } catch (error) {
        this.#parts.onError(error)
      }
    }
  }

  async #look(id: string): Promise<void> {
    const { accounts, clock, idleMs } = this.#parts
    const idles = () => clock.monotonicMs() - (this.#usedAtMs.get(id) ?? 0) >= idleMs
    const account = accounts.inMemory.get(id)
    if (account && account.activeDeliveries > 0) this.used(account)
    if (!idles()) return
    const session = await accounts.get(id)
    // Somebody may have come back while it was read.
    if (session && (session.activeDeliveries > 0 || !idles())) return
    if (session) await this.#end(session)
    else this.#usedAtMs.delete(id)
  }

  /**
   * Closes a session, and returns its balance to its return invoice. Asked again it tells how that stands.
   * @throws StreamError `ledger-failed`
   */
  async close(account: Account): Promise<Refund> {
    const paymentHash = await this.#end(account)
    const returns = await this.#parts.returns()
    const claim = paymentHash === undefined ? undefined : await returns.outcome(paymentHash)
    if (claim?.agreementId === account.agreement.id) {
      const refundStatus = claim.status === 'settled' ? 'succeeded' : 'failed'
      return { refundSats: claim.amount / 1000n, refundStatus, pending: claim.status === 'pending' }
    }
    const left = account.balance < this.#parts.smallestReturn ? 0n : account.balance / 1000n
    return { refundSats: left, refundStatus: left > 0n ? 'failed' : 'skipped', pending: false }
  }

  /** Returns the payment hash of the return invoice. */
  async #end(account: Account): Promise<string | undefined> {
    const { accounts, ledger, clock, smallestReturn, onClosed, returns } = this.#parts
    return accounts.inTurn(account.agreement.id, async () => {
      if (await closeUnsigned(ledger, account)) onClosed(account)
      const { reference } = account.claim ?? {}
      const invoice = reference === undefined ? undefined : decodeInvoice(reference)
      const amount = msat((account.balance / 1000n) * 1000n)
      if (invoice && amount >= smallestReturn) {
        const expiresAtMs = Math.min(invoice.expiresAtMs, clock.nowMs() + LONGEST_RETURN_MS)
        const claim = { agreementId: account.agreement.id, paymentHash: invoice.paymentHash, request: invoice.request }
        const following = await returns()
        if (await ledger.addReturn({ ...claim, amount, expiresAtMs })) {
          account.bookReturn(amount)
          following.follow({ ...claim, amount, expiresAtMs })
        }
      }
      this.#usedAtMs.delete(account.agreement.id)
      return invoice?.paymentHash
    })
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
