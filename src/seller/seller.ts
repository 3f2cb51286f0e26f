import { StreamError, toStreamError } from '../errors/error.ts'
import { openLedger } from '../ledger/index.ts'
import type { InvoiceRecord, Ledger, Owed, ReturnRecord } from '../ledger/ledger.ts'
import type { LightningNode, NodeInfo, Settlement } from '../lightning/node.ts'
import { type Msat, msat, sat, ZERO } from '../money/msat.ts'
import { expiryOf } from '../wire/bolt11.ts'
import { invoiceDescription } from '../wire/proof.ts'
import { loadRecovery } from '../wire/recoverKey.ts'
import type { Account } from './account.ts'
import { Accounts } from './accounts.ts'
import { type Clock, JumpWatch, systemClock } from './clock.ts'
import { type EarlierSecret, Keyring } from './keyring.ts'
import { Limits, type SellerLimits } from './limits.ts'
import { RETURN_PACE, type ReturnPace, Returns } from './returns.ts'
import { closeUnsigned } from './schemes/closing.ts'
import { SESSION_IDLE_MS, Sessions } from './schemes/sessions.ts'
import { Scopes } from './scopes.ts'

/** What happens at a seller, for panels and logs. Nothing secret is in it. */
export type SellerEvent =
  | { readonly type: 'paid' | 'delivering' | 'delivered' | 'closed'; readonly account: Account }
  /** `client`: the address that accepted (of IPv6: its /64), where an adapter told it. */
  | { readonly type: 'opened'; readonly account: Account; readonly client?: string }
  /** A balance arrived at its buyer; could not be paid yet, for the reason in `claim.failure`; cannot be paid to this invoice any more. */
  | {
      readonly type: 'returned' | 'return-delayed' | 'return-failed'
      readonly account: Account
      readonly claim: ReturnRecord
    }
  /** What buyers may ask back, told once when the seller starts. */
  | { readonly type: 'owed'; readonly debts: Debts }
  /** A payment for an agreement that was forgotten unpaid: it is in the wallet and in no account. Told once. */
  | { readonly type: 'stray'; readonly agreement: string; readonly paymentHash: string; readonly amount: Msat }
  | { readonly type: 'error'; readonly error: StreamError }

/** What the seller owes to buyers whose agreements are over. */
export interface Debts {
  /** Balances that were not asked for, as of the last minute, and claims on their way; in msat. Less than 1 sat is not counted. */
  readonly amount: Msat
  readonly agreements: number
  /** Claims on their way, or waiting for another attempt. */
  readonly claims: readonly ReturnRecord[]
}

export interface SellerOptions {
  /** The node that is paid, or a promise of it. */
  readonly node: LightningNode | Promise<LightningNode>
  /** Where agreements are kept; in memory by default, and then they end with the process. */
  readonly ledger?: Ledger
  /** At least 32 bytes, the same after a restart if the ledger is kept. Random by default. */
  readonly secret?: Uint8Array
  /**
   * Secrets that `secret` took the place of. Challenges, agreements and tokens that were made with one are good until they end by themselves. None by
   * default: then everything that another secret made is refused.
   */
  readonly earlierSecrets?: readonly EarlierSecret[] | undefined
  /** Protection space in challenges, such as the host: at most 128 printable ASCII characters. `stream` by default. */
  readonly realm?: string
  /** How many agreements may wait for their first payment at once. 1,000 by default. */
  readonly maxUnpaidAgreements?: number
  /** What others may cause before they are answered 429; see `SellerLimits` for the defaults. */
  readonly limits?: Partial<SellerLimits>
  /**
   * Reverse proxies in front, each of which appends to `X-Forwarded-For`. 0 by default: then that header is ignored, and behind a proxy
   * all clients count as one address.
   */
  readonly trustProxy?: number
  /** How long a session of `lightning/session` may idle before it is closed and its balance returned. In ms; 5 minutes by default. */
  readonly sessionIdleMs?: number
  /** Told what happens. Nobody by default. */
  readonly onEvent?: (event: SellerEvent) => void
}

/** What a seller is made of besides its options; tests give other ones. */
export interface SellerParts {
  readonly clock: Clock
  readonly returnPace: ReturnPace
}

/** An agreement that nobody paid for this long is forgotten, if the last of its invoices expired as long ago. */
export const UNPAID_LIFE_MS = 900_000
export const INVOICE_LIFE_SECONDS = 600
/** By then an agreement without a payment is forgotten, whatever invoices it began with. */
export const FORGOTTEN_AFTER_MS = UNPAID_LIFE_MS + INVOICE_LIFE_SECONDS * 1000
const SWEEP_MS = 60_000
const RETRY_MS = 1000
/** A clock that was set by less than this makes no difference to agreements that live for minutes. */
const JUMP_MS = 10_000
/** No less is returned: it would cost more than it brings. */
export const SMALLEST_RETURN = sat(1)

/** What all walls of a seller share: the node, the ledger, the accounts, and the word of the node on what was paid. */
export class Seller {
  readonly accounts: Accounts
  readonly ledger: Ledger
  readonly keys: Keyring
  readonly realm: string
  readonly maxUnpaidAgreements: number
  readonly limits: Limits
  readonly trustProxy: number
  readonly clock: Clock
  readonly #returnPace: ReturnPace
  readonly #jumps: JumpWatch
  /** By the monotonic clock. Whatever was unpaid when this was set has no invoice that can still be paid then. */
  #pruneFromMs: number
  #owed: Owed = { amount: ZERO, agreements: 0 }
  #returns: Returns | undefined
  readonly #onEvent: (event: SellerEvent) => void
  readonly #started: Promise<{ readonly node: LightningNode; readonly info: NodeInfo }>
  #settling: Promise<void> = Promise.resolve()
  #unsubscribe: () => void = () => {}
  #failed: StreamError | undefined
  #ended = false
  readonly scopes = new Scopes()
  readonly sessions: Sessions
  readonly #sweeper: ReturnType<typeof setInterval>

  constructor(options: SellerOptions, parts: Partial<SellerParts> = {}) {
    void loadRecovery()
    this.ledger = options.ledger ?? openLedger(':memory:')
    this.keys = new Keyring(options.secret ?? crypto.getRandomValues(new Uint8Array(32)), options.earlierSecrets)
    this.realm = options.realm ?? 'stream'
    this.maxUnpaidAgreements = options.maxUnpaidAgreements ?? 1000
    this.clock = parts.clock ?? systemClock
    this.#returnPace = parts.returnPace ?? RETURN_PACE
    this.limits = new Limits(options.limits ?? {}, this.clock)
    this.trustProxy = options.trustProxy ?? 0
    this.#jumps = new JumpWatch(this.clock)
    this.#pruneFromMs = this.clock.monotonicMs() + FORGOTTEN_AFTER_MS
    this.accounts = new Accounts(this.ledger, this.keys)
    this.#onEvent = options.onEvent ?? (() => {})
    this.sessions = new Sessions({
      ledger: this.ledger,
      accounts: this.accounts,
      clock: this.clock,
      returns: () => this.returns(),
      idleMs: options.sessionIdleMs ?? SESSION_IDLE_MS,
      smallestReturn: SMALLEST_RETURN,
      onClosed: (account) => this.emit({ type: 'closed', account }),
      onError: (error) => this.#report(error),
    })
    this.#started = this.#start(options.node)
    this.#started.catch((error) => this.#fail(error))
    this.#sweeper = setInterval(() => void this.sweep(), SWEEP_MS)
    this.#sweeper.unref?.()
  }

  /** What challenges are made with. */
  get secret(): Uint8Array {
    return this.keys.current.secret
  }

  /** The node and what it said of itself when the seller started. @throws StreamError `node-…` */
  ready(): Promise<{ readonly node: LightningNode; readonly info: NodeInfo }> {
    return this.#started
  }

  /** The claims of buyers for their balances. @throws StreamError `node-…`, `ledger-failed` if the seller could not start */
  async returns(): Promise<Returns> {
    await this.#started
    return this.#returns!
  }

  /** What is owed to buyers whose agreements are over. */
  get debts(): Debts {
    const claims = this.#returns?.pending ?? []
    return {
      amount: claims.reduce((sum, { amount }) => msat(sum + amount), this.#owed.amount),
      agreements: this.#owed.agreements + new Set(claims.map(({ agreementId }) => agreementId)).size,
      claims,
    }
  }

  /** @throws the StreamError that keeps this seller from taking money */
  check(): void {
    if (this.#failed) throw this.#failed
  }

  emit(event: SellerEvent): void {
    this.#onEvent(event)
  }

  /**
   * Mints invoices for an agreement.
   * @throws StreamError `node-…`
   */
  async mint(agreementId: string, amounts: readonly Msat[]): Promise<{ requests: string[]; records: InvoiceRecord[] }> {
    if (amounts.length === 0) return { requests: [], records: [] }
    const { node } = await this.ready()
    const invoices = await node.createInvoices(
      amounts.map((amount) => ({
        amount,
        description: invoiceDescription(agreementId),
        expiresInSeconds: INVOICE_LIFE_SECONDS,
      })),
    )
    const expiresAtMs = Date.now() + INVOICE_LIFE_SECONDS * 1000
    return {
      requests: invoices.map(({ request }) => request),
      records: invoices.map(({ paymentHash }, i) => ({ paymentHash, amount: amounts[i]!, expiresAtMs })),
    }
  }

  /**
   * Makes the invoice of a 402. It names no agreement, since that is named after it.
   * @throws StreamError `node-…`
   */
  async mintOffer(amount: Msat): Promise<{ request: string; paymentHash: string; record: InvoiceRecord }> {
    const { node } = await this.ready()
    const asked = { amount, description: this.realm, expiresInSeconds: INVOICE_LIFE_SECONDS }
    const [invoice] = await node.createInvoices([asked])
    const { request, paymentHash } = invoice!
    return { request, paymentHash, record: { paymentHash, amount, expiresAtMs: expiryOf(request) } }
  }

  /**
   * Revokes what a payment opened under one of the field's schemes: an L402 token, a charge that was not shown yet. What it did not use is
   * the buyer's still, and stands among what is owed. `false` for a hash of no such payment.
   * @throws StreamError `ledger-failed`
   */
  async revoke(paymentHash: string): Promise<boolean> {
    const account = await this.accounts.offered(paymentHash)
    if (!account) return false
    if (await closeUnsigned(this.ledger, account)) this.emit({ type: 'closed', account })
    return true
  }

  /** Ends the seller. The node and the ledger are the caller's to close. */
  async close(): Promise<void> {
    this.#ended = true
    clearInterval(this.#sweeper)
    this.#unsubscribe()
    this.sessions.end()
    this.#returns?.end()
    await this.#settling
    await this.accounts.save().catch((error) => this.#report(error))
  }

  async #start(given: LightningNode | Promise<LightningNode>) {
    const node = await given
    const info = await node.info()
    this.accounts.start(await this.ledger.countStart())
    const since = await this.ledger.settlementIndex()
    const { ledger, clock } = this
    this.#returns = new Returns({
      node,
      ledger,
      clock,
      pace: this.#returnPace,
      fees: this.limits.returnFees,
      onNews: (claim) => this.#tellOfReturn(claim),
      onError: (error) => this.#report(error),
    })
    if (!this.#ended) {
      await this.#returns.load()
      await this.sessions.load()
      await this.#countOwed()
      if (this.debts.agreements > 0) this.emit({ type: 'owed', debts: this.debts })
      this.#returns.start()
      // Whether something was paid is the node's word alone, from where the ledger left off.
      this.#unsubscribe = node.subscribeSettlements(
        since,
        (settlement) => this.#queue(settlement),
        (error) => this.#report(error),
      )
    }
    return { node, info }
  }

  #queue(settlement: Settlement): void {
    this.#settling = this.#settling.then(() => this.#settle(settlement))
  }

  /** Books one settlement, in order; while the ledger cannot be written no money is asked for, and none is forgotten. */
  async #settle(settlement: Settlement): Promise<void> {
    while (!this.#ended) {
      try {
        const booked = await this.accounts.settle(settlement)
        this.#failed = undefined
        const account = booked && this.accounts.inMemory.get(booked.agreementId)
        if (booked?.forgotten) {
          const { paymentHash, amount } = settlement
          this.emit({ type: 'stray', agreement: booked.agreementId, paymentHash, amount })
        } else if (account) this.emit({ type: 'paid', account })
        return
      } catch (error) {
        this.#fail(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  #fail(error: unknown): void {
    this.#failed = toStreamError(error)
    this.#report(error)
  }

  #report(error: unknown): void {
    this.emit({ type: 'error', error: toStreamError(error) })
  }

  /** Called right after the ledger was told, so that an account in memory agrees with it. */
  #tellOfReturn(claim: ReturnRecord): void {
    if (claim.status === 'failed') this.accounts.inMemory.get(claim.agreementId)?.bookReturn(-claim.amount)
    const type = TOLD[claim.status]
    this.accounts.get(claim.agreementId).then(
      (account) => account && this.emit({ type, account, claim }),
      (error) => this.#report(error),
    )
  }

  async #countOwed(): Promise<void> {
    this.#owed = await this.ledger.owed(this.clock.nowMs(), SMALLEST_RETURN)
  }

  /** Forgets what nobody pays or uses any more. Runs by itself, every minute. */
  async sweep(): Promise<void> {
    const nowMs = this.clock.nowMs()
    const monotonicMs = this.clock.monotonicMs()
    const jumpedMs = this.#jumps.jumpedMs()
    if (Math.abs(jumpedMs) >= JUMP_MS) {
      // By the new time everything may look old. An invoice that is still good must keep its agreement.
      this.#pruneFromMs = monotonicMs + FORGOTTEN_AFTER_MS
      this.#report(clockJumped(jumpedMs))
    }
    try {
      await this.accounts.sweep(nowMs)
      if (monotonicMs >= this.#pruneFromMs) await this.ledger.pruneUnpaid(nowMs - UNPAID_LIFE_MS)
      await this.#countOwed()
    } catch (error) {
      // The next sweep tries again; selling goes on meanwhile.
      this.#report(error)
    }
  }
}

const TOLD = { settled: 'returned', pending: 'return-delayed', failed: 'return-failed' } as const

function clockJumped(jumpedMs: number): StreamError {
  const seconds = Math.round(Math.abs(jumpedMs) / 1000)
  const message = `the clock was set ${jumpedMs < 0 ? 'back' : 'forward'} by ${seconds} s, or the machine slept: no agreement is forgotten by it`
  return new StreamError('clock-jumped', message, { jumpedMs: `${Math.round(jumpedMs)}` })
}
