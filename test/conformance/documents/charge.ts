import { type Document, differs, holds, section } from '../row.ts'

export const charge: Document = {
  scheme: 'charge',
  title: '`lightning/charge` (draft-lightning-charge-00)',
  scope: 'What the intent adds to the scheme. One payment, one answer, worth the allowance that was paid for.',
  sections: [
    section(
      'Encoding',
      holds('MUST', 'both', 'JSON in parameters and headers is canonical (RFC 8785), in base64url without padding'),
      holds('MUST', 'both', 'Padding is accepted where JSON is read'),
    ),
    section(
      'Request',
      holds('MUST', 'server', 'The `amount` is a positive whole number of sats, as a decimal string'),
      holds('MUST', 'server', 'The `currency` is `sat`'),
      holds('MUST', 'server', 'The `invoice` is there, in `methodDetails`'),
      holds('MUST', 'server', '`paymentHash` and `network` are those of the invoice, if they are there'),
      holds('MUST', 'client', 'The invoice is decoded and checked before it is paid'),
      holds('MUST', 'client', 'A challenge whose `paymentHash` or `network` is not that of its invoice is refused'),
      holds('SHOULD', 'client', 'An invoice of another network than its own is refused'),
    ),
    section(
      'Credential',
      holds('MUST', 'client', '`id`, `realm`, `method`, `intent`, `request` and `expires` are echoed'),
      holds('MUST NOT', 'server', 'No `source` is asked for'),
    ),
    section(
      'Verification',
      holds('MUST', 'server', 'The preimage is 64 digits of lower case hex'),
      differs(
        'MUST',
        'server',
        'The challenge is looked up by its `id` among those that are stored',
        'The HMAC shows that it was issued here, and the payment hash in its `request` names the one agreement that it can pay for. What is stored is the agreement: a flood of challenges fills nothing.',
      ),
      holds('MUST', 'server', 'The echo is exactly what was issued'),
      holds('MUST', 'server', 'Amount and currency of the echo are those of the invoice'),
      holds('MUST', 'server', 'SHA-256 of the preimage is the payment hash'),
      holds('MUST NOT', 'server', 'A preimage for one challenge is good for no other'),
    ),
    section(
      'Settlement',
      holds('MUST', 'server', 'Consuming the challenge and deciding to answer are one step'),
      holds('MUST NOT', 'server', 'A consumed challenge is not accepted again, whatever became of the answer'),
      holds(
        'MUST',
        'server',
        'An answer that fails after that is an error of its own, and the challenge is not issued again',
      ),
      holds('MUST', 'client', 'Such an answer counts as paid and lost, and another payment is a new one'),
      holds('MUST', 'server', 'A 402 has `Cache-Control: no-store`'),
    ),
    section(
      'Expiry',
      holds('MUST NOT', 'server', '`expires` is not later than the end of the invoice'),
      holds('SHOULD', 'client', 'The earlier of the two decides whether it is paid'),
      holds('MUST', 'server', 'A credential is refused when the earlier of the two has passed'),
    ),
    section(
      'Receipt',
      holds('MUST', 'server', 'The answer has a receipt with method, challenge id, reference, status and time'),
      holds('MUST NOT', 'server', 'The reference is the payment hash, and never the preimage'),
    ),
    section(
      'Errors',
      holds('MUST', 'server', 'A refused credential gets a 402 with a fresh challenge'),
      holds('SHOULD', 'server', 'Its body is a problem document, of a type of this intent or of the scheme'),
    ),
    section(
      'Security',
      holds('MUST', 'server', 'Every invoice has a payment hash of its own, fresh and random'),
      holds('MUST', 'server', 'The amount of the invoice is the intended one, before the challenge goes out'),
      holds('SHOULD', 'client', 'The amount of the invoice is decoded and checked before it is paid'),
      holds('MUST NOT', 'server', 'Credentials for expired invoices are not accepted'),
      holds('MUST', 'both', 'A preimage travels over TLS only, or on loopback'),
      holds('MUST NOT', 'both', 'A preimage is in no log, error or event'),
      holds('MUST', 'server', 'Of requests at once with one preimage exactly one is served'),
    ),
  ],
}
