import { type Document, differs, holds, section, testsOf } from '../row.ts'

const here = testsOf('test/conformance/charge.test.ts')
const mpp = testsOf('src/wire/mpp/mpp.test.ts')
const encoding = testsOf('src/wire/encoding.test.ts')
const buyer = testsOf('test/conformance/buyer.test.ts')
const prepaid = testsOf('test/prepaid/prepaid.test.ts')
const schemes = testsOf('test/schemes/charge.test.ts')

const ASKED = here('a charge challenge > asks whole sats for one invoice, and says nothing of it that is not so')
const SERVED = here(
  'a charge > is served once, with a receipt that names payment hash and challenge, and never the preimage',
)
const REFUSED = here('a refused charge > %s: 402, %s, and a fresh challenge that can be paid')
const AT_ONCE = here('a charge > that is shown from 50 connections at once is served to one')
const FAILED = here('a charge > of an answer that failed is not lost: it can be shown again')
const EXPIRED = here(
  'a charge whose invoice has expired > unpaid: 402, and a fresh challenge, whoever knows the preimage',
)
const LATE = here('a charge whose invoice has expired > paid: it is served once all the same, since the money arrived')
const NOT_PAID = buyer('a charge > that %s is not paid')
const CHECKED = prepaid('before anything is paid > what is asked for %s is refused')
const BESIDE = mpp('charge and session > invoices must be what the request says beside them')

export const charge: Document = {
  scheme: 'charge',
  title: '`lightning/charge` (draft-lightning-charge-00)',
  scope: 'What the intent adds to the scheme. One payment, one answer, worth the allowance that was paid for.',
  sections: [
    section(
      'Encoding',
      holds(
        'MUST',
        'both',
        'JSON in parameters and headers is canonical (RFC 8785), in base64url without padding',
        ASKED,
        encoding('jcs > orders members by UTF-16 code units and writes numbers as RFC 8785 says'),
      ),
      holds(
        'MUST',
        'both',
        'Padding is accepted where JSON is read',
        here('a charge > is known by padded text, with an unknown field, a source or none, and any order of members'),
        mpp(
          'charge and session > requests come back as they were written, padded or not',
          'charge and session > credentials of theirs may be padded, those of stream may not',
        ),
      ),
    ),
    section(
      'Request',
      holds(
        'MUST',
        'server',
        'The `amount` is a positive whole number of sats, as a decimal string, and that of the invoice',
        ASKED,
      ),
      holds('MUST', 'server', 'The `currency` is `sat`', ASKED),
      holds('MUST', 'server', 'The `invoice` is there, in `methodDetails`', ASKED),
      holds('MUST', 'server', '`paymentHash` and `network` are those of the invoice, if they are there', ASKED),
      holds('MUST', 'client', 'The invoice is decoded and checked before it is paid', NOT_PAID, CHECKED),
      holds(
        'MUST',
        'client',
        'A challenge whose `paymentHash` or `network` is not that of its invoice is refused',
        BESIDE,
        NOT_PAID,
      ),
      holds(
        'SHOULD',
        'client',
        'An invoice of another network than its own is refused',
        buyer('a charge > on another network than the wallet is not paid'),
      ),
    ),
    section(
      'Credential',
      holds(
        'MUST',
        'client',
        '`id`, `realm`, `method`, `intent`, `request` and `expires` are echoed',
        buyer('a charge > is answered with all that the challenge had, and with the very body of the request'),
      ),
      holds(
        'MUST NOT',
        'server',
        'No `source` is asked for',
        here('a charge > is known by padded text, with an unknown field, a source or none, and any order of members'),
      ),
    ),
    section(
      'Verification',
      holds(
        'MUST',
        'server',
        'The preimage is 64 digits of lower case hex',
        REFUSED,
        mpp('charge and session > payloads come back, without what nobody asked for'),
      ),
      differs(
        'MUST',
        'server',
        'The challenge is looked up by its `id` among those that are stored',
        'The HMAC shows that it was issued here, and the payment hash in its `request` names the one agreement that it can pay for. What is stored is the agreement: a flood of challenges fills nothing.',
        REFUSED,
        here('a charge challenge > is asked for again by the same client without another call to the node'),
      ),
      holds('MUST', 'server', 'The echo is exactly what was issued, amount and currency among the rest', REFUSED),
      holds('MUST', 'server', 'SHA-256 of the preimage is the payment hash', REFUSED),
      holds(
        'MUST NOT',
        'server',
        'A preimage for one challenge is good for no other',
        here('a charge > is good for no other challenge, and no other resource'),
        testsOf('test/conformance/offered.test.ts')(
          'a 402 of all schemes > serves what was paid under the first scheme that shows it, and under no other',
        ),
      ),
    ),
    section(
      'Settlement',
      differs(
        'MUST',
        'server',
        'The payment is settled as soon as the preimage is verified, and nobody else is asked',
        'A preimage proves that somebody knows it; the node of the seller says that the money arrived, and is believed alone. A client notices nothing, since its own node had the preimage from that settlement.',
        here('a preimage without a payment opens nothing: the node of the seller has the last word'),
        SERVED,
      ),
      holds(
        'MUST',
        'server',
        'Consuming the challenge and deciding to answer are one step: of requests at once with one preimage exactly one is served',
        AT_ONCE,
        schemes('a charge > stays used after a restart'),
      ),
      differs(
        'MUST NOT',
        'server',
        'A consumed challenge is not accepted again, even if its answer failed',
        'An answer that is no success uses nothing up, so the client that paid may show the same payment again and loses nothing. After a success it is accepted no more.',
        FAILED,
        SERVED,
      ),
      holds(
        'MUST',
        'server',
        'An answer that fails after the challenge was consumed is an error of its own, and that challenge is not issued again',
        FAILED,
        here('a charge challenge > has an invoice of its own for each that was paid'),
      ),
      holds(
        'MUST',
        'client',
        'A payment whose answer failed counts as paid; another one is made only as a new one, and only once the first is told as lost',
        prepaid(
          'what was paid for and never used > is used by the same run too',
          'what was paid for and never used > is used by the next run: %s',
          'a seller that takes the money and refuses > is paid once, and it is said: %s',
        ),
      ),
    ),
    section(
      'Expiry',
      holds('MUST NOT', 'server', '`expires` is not later than the end of the invoice', ASKED),
      holds(
        'SHOULD',
        'client',
        'The earlier of the two decides whether it is paid',
        NOT_PAID,
        buyer('a charge > whose invoice ends soon is not paid, whatever its challenge says'),
      ),
      holds('MUST', 'server', 'A credential for an invoice that was not paid in time is refused', EXPIRED),
      differs(
        'MUST NOT',
        'server',
        'A credential for an invoice that was paid is refused once that has expired',
        'The node takes no payment for an expired invoice, so what is paid was paid in time: to refuse it then would keep money for nothing. It is served once, as ever.',
        LATE,
      ),
    ),
    section(
      'Receipt',
      holds('MUST', 'server', 'The answer has a receipt with method, challenge id, reference, status and time', SERVED),
      holds('MUST NOT', 'server', 'The reference is the payment hash, and never the preimage', SERVED),
    ),
    section(
      'Errors',
      holds('MUST', 'server', 'A refused credential gets a 402 with a fresh challenge', REFUSED),
      holds(
        'SHOULD',
        'server',
        'Its body is a problem document, of a type of this intent or of the scheme',
        REFUSED,
        mpp('charge and session > problems have the types of the drafts, and are read back'),
      ),
    ),
    section(
      'Security',
      holds(
        'MUST',
        'server',
        'Every payment has a payment hash of its own',
        here('a charge challenge > has an invoice of its own for each that was paid'),
      ),
      holds(
        'MUST',
        'both',
        'A preimage travels over TLS only, or on loopback',
        testsOf('src/seller/adapters/node.test.ts')('plain http on "%s" has to be allowed'),
        buyer('a charge > is not paid over plain http to another machine'),
      ),
      holds(
        'MUST NOT',
        'server',
        'A preimage is in no answer and no event, and is not stored',
        here('a charge > leaves its preimage in no ledger, event or answer'),
      ),
      differs(
        'MUST NOT',
        'client',
        'A preimage is not stored, and in no log',
        'It is in the journal, which its owner alone may read: a token that was paid for is used by the next run after a kill, and what was paid can be proven. It is in no log and no error.',
        prepaid('what was paid for and never used > is used by the next run: %s'),
        testsOf('src/ledger/sqlite/database.test.ts')(
          'a file and what SQLite puts beside it are readable by their owner alone, also one that was not',
        ),
        testsOf('src/errors/redact.test.ts')(
          'an error carries none in its message, its details, its cause or its stack',
        ),
      ),
    ),
  ],
}
