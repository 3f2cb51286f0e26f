import { StreamError } from '../errors/error.ts'
import type { AgreementRecord, Claim, InvoiceRecord, Ledger, Settled } from '../ledger/ledger.ts'
import type { Settlement } from '../lightning/node.ts'
import { ZERO } from '../money/msat.ts'
import type { Agreement } from '../terms/terms.ts'
import { sameText } from '../wire/encoding.ts'
import { Account } from './account.ts'
import type { Keyring } from './keyring.ts'

/** An account that nobody used for this long leaves the memory; the ledger keeps it. */
const IDLE_MS = 600_000
/** A million statements a second for fifty days; and numbers of two million starts fit in 63 bits. */
const STATEMENTS_PER_START = 2n ** 42n

/**
 * All accounts of a seller: in memory while they are used, in the ledger always. An agreement's id and secret are derived
 * from the seller's own secret (`keyring.ts`), so that nothing secret is stored.
 */
export class Accounts {
  readonly #ledger: Ledger
  readonly #keys: Keyring
  readonly #accounts = new Map<string, Account>()
  readonly #loading = new Map<string, Promise<Account | undefined>>()
  readonly #usedAtMs = new WeakMap<Account, number>()
  /** The last task of each agreement that has one waiting or running. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #opening = 0
  #sequence = 0n

  constructor(ledger: Ledger, keys: Keyring) {
    this.#ledger = ledger
    this.#keys = keys
  }

  /** To be called before any account is used, with the ledger's count of starts: statements of this start follow all earlier ones. */
  start(starts: bigint): void {
    this.#sequence = starts * STATEMENTS_PER_START
  }

  get inMemory(): ReadonlyMap<string, Account> {
    return this.#accounts
  }

  /** Agreements on their way into the ledger: their invoices are being made, and the ledger does not count them yet. */
  get opening(): number {
    return this.#opening
  }

  async whileOpening<T>(open: () => Promise<T>): Promise<T> {
    this.#opening++
    try {
      return await open()
    } finally {
      this.#opening--
    }
  }

  /**
   * Runs one task at a time for an agreement, in their order. Requests that count its invoices, make more and write them down would
   * else all see as many as there were before, and make as many again as they are.
   */
  async inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(task)
    const over = turn.catch(() => {})
    this.#turns.set(id, over)
    try {
      return await turn
    } finally {
      if (this.#turns.get(id) === over) this.#turns.delete(id)
    }
  }

  /** Opens an agreement, or finds the one that this acceptance opened before. */
  async open(agreement: Agreement, invoices: readonly InvoiceRecord[], offered?: 'offered'): Promise<Account> {
    const added = await this.#ledger.addAgreement(agreement, Date.now(), invoices, offered)
    const record = { ...fresh(agreement), ...(offered && { claim: { scheme: offered } }) }
    const account = added ? this.#keep(record) : await this.get(agreement.id)
    if (!account) throw new StreamError('ledger-failed', 'an agreement that exists cannot be read')
    if (!added && invoices.length > 0) await this.#ledger.addInvoices(agreement.id, invoices)
    return account
  }

  /**
   * The account of an agreement, if `secret` is its secret.
   * @throws StreamError `agreement-unknown`, the same for an unknown id and for a wrong secret
   */
  async authorize(id: string, secret: string): Promise<Account> {
    // Every key is looked at, whichever fits: how long that takes says nothing.
    const fits = this.#keys.all.filter((key) => sameText(secret, key.secretFor(id))).length > 0
    const account = fits ? await this.get(id) : undefined
    if (!account || account.claim)
      throw new StreamError('agreement-unknown', 'no open agreement has this id and secret')
    return account
  }

  /**
   * Claims what an offer's invoice paid for, under one scheme. Returns the claim that stands, which may be an earlier one.
   * @throws StreamError `ledger-failed`
   */
  async claim(account: Account, claim: Claim): Promise<Claim | undefined> {
    if (account.claim?.scheme === 'offered') account.claim = await this.#ledger.claim(account.agreement.id, claim)
    return account.claim
  }

  /**
   * Moves what was paid on an offer to a session. `false` if it was claimed before, for anything but this session's top-up.
   * @throws StreamError `ledger-failed`
   */
  async topUp(from: Account, session: Account): Promise<boolean> {
    const total = await this.#ledger.topUp(from.agreement.id, session.agreement.id)
    if (total === undefined) return false
    const before = from.claim
    from.claim = { scheme: 'top-up', reference: session.agreement.id }
    if (before?.scheme === 'offered') session.paid(total)
    return true
  }

  /** The account that the invoice of a 402 stands for; `undefined` where the hash is of none of this seller's. */
  async offered(paymentHash: string): Promise<Account | undefined> {
    for (const key of this.#keys.all) {
      const account = await this.get(key.offerId(paymentHash))
      if (account) return account.claim ? account : undefined
    }
    return undefined
  }

  async get(id: string): Promise<Account | undefined> {
    const account = this.#accounts.get(id)
    if (account) {
      this.#usedAtMs.set(account, Date.now())
      return account
    }
    // One load at a time: two gates for one agreement would each give its credit.
    const loading = this.#loading.get(id) ?? this.#load(id)
    this.#loading.set(id, loading)
    try {
      return await loading
    } finally {
      this.#loading.delete(id)
    }
  }

  /** Whether this is the one account in memory for its agreement, and not one that was dropped. */
  holds(account: Account): boolean {
    if (this.#accounts.get(account.agreement.id) !== account) return false
    this.#usedAtMs.set(account, Date.now())
    return true
  }

  /** Books what the seller's node says was paid; `undefined` if it is not this seller's, or was booked before. */
  async settle(settlement: Settlement): Promise<Settled | undefined> {
    const booked = await this.#ledger.settle(settlement)
    if (booked && !booked.forgotten) this.#accounts.get(booked.agreementId)?.paid(booked.paid)
    return booked
  }

  /** Drops from memory what nobody uses. */
  async sweep(nowMs: number): Promise<void> {
    const idle = (account: Account) => nowMs - (this.#usedAtMs.get(account) ?? 0) > IDLE_MS && !account.busy
    const dropped = [...this.#accounts.values()].filter(idle)
    // Loaded again it starts from the ledger: steps that were not written would be given on credit once more.
    await saveAll(dropped, (account) => {
      if (idle(account)) this.#accounts.delete(account.agreement.id)
    })
  }

  /** Writes what was delivered, exactly: a seller that stops in order forgets nothing. */
  async save(): Promise<void> {
    await saveAll(this.#accounts.values())
  }

  async #load(id: string): Promise<Account | undefined> {
    const record = await this.#ledger.getAgreement(id)
    return record && this.#keep(record)
  }

  /** One account for an agreement, whoever came first: two gates would each give its credit. */
  #keep(record: AgreementRecord): Account {
    const { id } = record.agreement
    const account = this.#accounts.get(id) ?? new Account(record, this.#ledger, () => ++this.#sequence)
    this.#accounts.set(id, account)
    this.#usedAtMs.set(account, Date.now())
    return account
  }
}

/** Saves each, also when one of them cannot be. @throws the first failure, once all were tried */
async function saveAll(accounts: Iterable<Account>, onSaved: (account: Account) => void = () => {}): Promise<void> {
  const failures: unknown[] = []
  for (const account of accounts) {
    try {
      await account.save()
      onSaved(account)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

const fresh = (agreement: Agreement) => ({
  agreement,
  createdAtMs: Date.now(),
  state: 'open' as const,
  deliveredSteps: 0n,
  leasedSteps: 0n,
  paid: ZERO,
  returned: ZERO,
  payments: 0,
})
