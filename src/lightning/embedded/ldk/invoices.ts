import * as ldk from 'lightningdevkit'
import { StreamError } from '../../../errors/error.ts'
import { type Msat, msat } from '../../../money/msat.ts'
import type { InvoiceRequest, OutgoingPayment } from '../../node.ts'
import { toHex } from '../chain/bytes.ts'
import type { MadeInvoice } from '../state/invoices.ts'
import { reasonOf, someU64, unwrap } from './results.ts'

/**
 * Blocks that a payment may stay in flight before its channel is closed over it: nine hours of heartbeats. LDK's default
 * would close a channel whose peer is away for twenty minutes.
 */
export const FINAL_CLTV_DELTA = 720

/** An invoice that can be paid here. */
export interface PayableInvoice {
  readonly bolt11: ldk.Bolt11Invoice
  readonly hash: Uint8Array
  readonly paymentHash: string
  readonly payee: string
  /** The invoice's own, or what the payer chose where it takes any. */
  readonly amount: Msat
  readonly takesAny: boolean
}

/** @throws StreamError `amount-out-of-range`, `option-invalid` when LDK refuses the description or the expiry */
export function createInvoice(manager: ldk.ChannelManager, request: InvoiceRequest, tipTimeMs: number): MadeInvoice {
  const { amount } = request
  if (amount !== 'any' && amount <= 0n)
    throw new StreamError('amount-out-of-range', 'an invoice asks for at least 1 msat')
  // LDK dates an invoice by the last block. What counts is when it expires, so the time since then is added.
  const sinceTipS = Math.floor((Date.now() - tipTimeMs) / 1000)
  const expiryS = Math.max(1, request.expiresInSeconds + sinceTipS)
  try {
    const description = unwrap(
      ldk.Description.constructor_new(request.description),
      ldk.Result_DescriptionCreationErrorZ_OK,
      'the description',
    )
    const bolt11 = unwrap(
      manager.create_bolt11_invoice(
        amount === 'any' ? ldk.Option_u64Z.constructor_none() : ldk.Option_u64Z.constructor_some(amount),
        ldk.Bolt11InvoiceDescription.constructor_direct(description),
        ldk.Option_u32Z.constructor_some(expiryS),
        ldk.Option_u16Z.constructor_some(FINAL_CLTV_DELTA),
        ldk.Option_ThirtyTwoBytesZ.constructor_none(),
      ),
      ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK,
      'the invoice',
    )
    const nowMs = Date.now()
    return {
      request: bolt11.to_str(),
      paymentHash: toHex(bolt11.payment_hash()),
      ...(amount !== 'any' && { amount }),
      description: request.description,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + Math.max(1, request.expiresInSeconds) * 1000,
    }
  } catch (error) {
    throw new StreamError('option-invalid', `no invoice can be made: ${(error as Error).message}`)
  }
}

/** Whether its time has passed. LDK's own check goes by block time, which stands still between blocks. */
export function isExpired(bolt11: ldk.Bolt11Invoice): boolean {
  return (bolt11.duration_since_epoch() + bolt11.expiry_time()) * 1000n <= BigInt(Date.now())
}

/** Reads an invoice that is to be paid. Returns what is wrong with it as text. */
export function readInvoice({ request, amount: chosen }: OutgoingPayment): PayableInvoice | string {
  const parsed = ldk.Bolt11Invoice.constructor_from_str(request)
  if (!(parsed instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK)) {
    return `not a BOLT 11 invoice: ${reasonOf(parsed)}`
  }
  const bolt11 = parsed.res
  if (bolt11.currency() !== ldk.Currency.LDKCurrency_Regtest) return 'the invoice is for another network than regtest'
  const named = someU64(bolt11.amount_milli_satoshis())
  if (named !== undefined && chosen !== undefined) return 'the invoice has an amount of its own'
  const amount = named ?? chosen
  if (!amount) return 'the invoice names no amount'
  const hash = bolt11.payment_hash()
  return {
    bolt11,
    hash,
    paymentHash: toHex(hash),
    payee: toHex(bolt11.get_payee_pub_key()),
    amount: msat(amount),
    takesAny: named === undefined,
  }
}
