import { type Document, differs, holds, section, testsOf } from '../row.ts'

const here = testsOf('test/conformance/session.test.ts')
const mpp = testsOf('src/wire/mpp/mpp.test.ts')
const encoding = testsOf('src/wire/encoding.test.ts')
const buyer = testsOf('test/conformance/buyer.test.ts')
const prepaid = testsOf('test/prepaid/session.test.ts')
const schemes = testsOf('test/schemes/session.test.ts')

const ASKED = here(
  'a session challenge > names the price of a unit, the deposit and its invoice, and for how long it may idle',
)
const USUAL = here('a session challenge > asks for twenty units and five minutes where nobody says otherwise')
const ONE_UNIT = here('a session challenge > of %s and an allowance of %s asks for one unit at least')
const OPENED = here('an open > serves what was asked for, metered, with the session as the reference of its receipts')
const REOPENED = here('an open > that is repeated opens no second session and is no free answer')
const USED = here(
  'a bearer > is served from the balance, and the balance is what was deposited less what was delivered',
)
const TERMS = here('a bearer > is charged by the terms of its session, whatever challenge it echoes')
const AT_ONCE = here('a bearer > many at once spend no sat twice')
const TOPPED_UP = here('a top-up > is answered with ok and no stream, and the waiting stream goes on where it was')
const TOPPED_UP_ONCE = here('a top-up > counts once, however often it is shown, and an opened deposit is none')
const OF_ONE_SESSION = here('a top-up > belongs to the session that it was first shown for')
const OLD_TOP_UP = here('a top-up > with the preimage of an earlier one is refused')
const NOT_TOPPED_UP = here('a stream that nobody tops up says so, and ends')
const CLOSED = here('a close > pays the rest to the return invoice, once, and says so in answer and receipt')
const NOTHING_LEFT = here('a close > of a balance of nothing pays nothing')
const ENDED = here('a close > ends everything: no action opens, uses or fills the session again')
const STILL_OWED = here('a close > whose refund cannot be paid stays closed, and the money is still owed')
const IDLED = here('a session that idles is closed, and its rest returned')
const RESTARTED = here('a seller that starts again knows its sessions, what they spent, and those that are closed')
const THIRTY_DAYS = buyer('a session > is opened with a return invoice of any amount that lives for thirty days')
const REFUSED = here('a refused session credential > %s: 402, %s, and a fresh challenge')

export const session: Document = {
  scheme: 'session',
  title: '`lightning/session` (draft-lightning-session-00)',
  scope: 'What the intent adds to the scheme. A deposit, drawn down by what is delivered, and given back at the close.',
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
        mpp('charge and session > credentials of theirs may be padded, those of stream may not'),
      ),
    ),
    section(
      'Session lifecycle',
      holds('SHOULD', 'server', 'A session that is idle is closed after a while', IDLED),
      holds('MUST', 'server', 'How long that is, is said', ASKED),
      holds('SHOULD', 'server', 'It is five minutes if nobody says otherwise', USUAL),
    ),
    section(
      'Challenge request',
      holds(
        'MUST',
        'server',
        'A request without a credential, or with one that does not do, gets a 402 with `no-store` and a session challenge',
        ASKED,
        REFUSED,
      ),
      holds('MUST', 'server', 'The `amount` is a positive whole number of sats for one unit', ASKED),
      holds('MUST', 'server', 'The `currency` is `sat`', ASKED),
      holds('MUST', 'server', 'The `depositInvoice` is there in a challenge that can open or top up', ASKED, TOPPED_UP),
      holds('MUST', 'server', 'The `paymentHash` is that of the deposit invoice', ASKED),
      holds('MUST', 'server', 'The `depositAmount`, if there is one, is the amount of the deposit invoice', ASKED),
      holds(
        'MUST',
        'client',
        'A challenge whose `depositAmount` or `paymentHash` is not that of its invoice is not paid',
        mpp('charge and session > invoices must be what the request says beside them'),
      ),
      differs(
        'MUST',
        'server',
        'Every request without a credential gets a fresh invoice',
        'An invoice that nobody paid is offered again to the same client for the same route while it lives, and how many are made is limited: otherwise a flood of requests fills the node. A request that names its open session in `Stream-Top-Up` gets a fresh one. No payment hash is ever good for two sessions.',
        here('a session challenge > is asked for again by the same client without another invoice, until that is paid'),
        testsOf('test/conformance/offered.test.ts')(
          'a 402 of all schemes > has stream alone where too many invoices wait to be paid, and says when there will be more',
        ),
        OF_ONE_SESSION,
      ),
      holds('SHOULD', 'client', 'Its return invoice lives longer than the `idleTimeout`', THIRTY_DAYS),
    ),
    section(
      'Credential',
      holds('MUST NOT', 'server', 'No `source` is asked for', OPENED),
      holds(
        'MUST',
        'both',
        'Unknown fields of a payload are ignored',
        mpp('charge and session > payloads come back, without what nobody asked for'),
      ),
    ),
    section(
      'Open',
      holds('MUST', 'server', 'SHA-256 of the preimage is the payment hash of the challenge', REFUSED),
      holds('MUST', 'server', 'The challenge is one of its own, and its echo is exact', REFUSED),
      holds('MUST', 'server', 'The deposit pays for one unit at least', ONE_UNIT),
      holds('MUST', 'server', 'A return invoice that is none, of another network or of an amount is refused', REFUSED),
      holds('SHOULD', 'client', 'The return invoice lives for thirty days', THIRTY_DAYS),
    ),
    section(
      'Bearer',
      holds(
        'MUST',
        'server',
        'SHA-256 of the preimage is the payment hash of the session, which is open',
        REFUSED,
        ENDED,
      ),
      holds(
        'MUST NOT',
        'server',
        'To verify a bearer costs the session nothing: only what is delivered does',
        USED,
        here('a bearer > that gets an error costs nothing'),
      ),
    ),
    section(
      'Top-up',
      holds(
        'MUST',
        'server',
        'SHA-256 of the top-up preimage is the payment hash of the challenge that is shown',
        OLD_TOP_UP,
      ),
      holds(
        'MUST',
        'server',
        'That challenge is one of its own, and its payment was not counted before',
        TOPPED_UP_ONCE,
        OF_ONE_SESSION,
      ),
      holds(
        'MUST',
        'server',
        'The deposit grows in one step, and the answer is 200 with `{"status":"ok"}`',
        TOPPED_UP,
        TOPPED_UP_ONCE,
      ),
      holds('SHOULD', 'server', 'Streams that wait go on by themselves', TOPPED_UP),
      holds('MUST NOT', 'server', 'No new stream begins for a top-up', TOPPED_UP, TOPPED_UP_ONCE),
    ),
    section(
      'Close',
      holds(
        'MUST',
        'server',
        'The refund is what was deposited less what was spent',
        USED,
        CLOSED,
        schemes('a session > keeps less than a sat, and returns whole sats'),
      ),
      holds('MUST NOT', 'server', 'Where nothing is left, nothing is paid', NOTHING_LEFT),
      holds(
        'MUST',
        'server',
        'The answer is 200 with a receipt, status, `refundSats` and `refundStatus`',
        CLOSED,
        mpp('charge and session > answers to close, events and receipts come back'),
      ),
      holds('MUST NOT', 'server', 'A session whose refund failed stays closed', STILL_OWED),
      holds('SHOULD', 'server', 'A refund that failed is told to the operator', STILL_OWED),
      differs(
        'MUST NOT',
        'server',
        'A refund is tried once, or a few times, and not for ever',
        'It is a durable claim like any return: tried until it settles or its invoice has expired, also over a restart, and never paid twice. It ends with the invoice, so not for ever.',
        CLOSED,
        STILL_OWED,
        schemes('a session > whose refund finds no route says so, and is paid later all the same'),
        testsOf('test/trade/returns.test.ts')(
          'a return > that fails twice is tried again until it settles, each time after asking the node',
          'a return > is no dust, and not tried for ever',
        ),
      ),
      holds(
        'MUST NOT',
        'client',
        'Nothing is sent on a session that was closed',
        buyer('a session > that was closed is used no more: the next run opens another'),
      ),
      holds('MUST', 'server', 'What would open, use or fill a closed session is refused', ENDED),
      differs(
        'MUST',
        'server',
        'A close of a closed session is refused',
        'It tells again how the refund stands, and pays nothing: the first answer may have been lost, and a refund that failed at first may have arrived since.',
        CLOSED,
      ),
    ),
    section(
      'Deposit amount',
      holds('SHOULD', 'server', 'It is worth twenty units if nobody says otherwise', USUAL),
      holds('MUST', 'server', 'How large it is, is said', ASKED),
      holds(
        'SHOULD',
        'client',
        'It is looked at before it is paid',
        prepaid(
          'the deposit > is refused above the price for a unit',
          'a session > never has more with the seller than may be at risk',
        ),
      ),
    ),
    section(
      'Idempotency',
      holds(
        'MUST NOT',
        'server',
        'A credential that is sent again credits and refunds nothing again',
        TOPPED_UP_ONCE,
        CLOSED,
        REOPENED,
      ),
      holds('MUST', 'server', 'A top-up that is shown again has the same answer', TOPPED_UP_ONCE),
      differs(
        'MUST',
        'server',
        'Any consumed challenge has its first answer again, which is stored for that',
        'A top-up and a close are answered as before from what the ledger knows, without a time after which that ends. A stream is not stored: an open that is shown again is served as a bearer, metered and paid from the balance.',
        TOPPED_UP_ONCE,
        CLOSED,
        REOPENED,
      ),
      holds(
        'MUST',
        'server',
        'Consuming and recording are one step, also for a crash',
        RESTARTED,
        testsOf('src/ledger/ledger.property.ts')(
          'after any story both ledgers answer alike, also when one is opened anew, and the sums hold',
        ),
      ),
    ),
    section(
      'Server-initiated close',
      holds(
        'MUST',
        'server',
        'The session is closed before its rest is refunded as at any close',
        IDLED,
        schemes(
          'a session > that was closed by a process that died before the refund was booked is refunded by the next',
        ),
      ),
      holds(
        'SHOULD',
        'client',
        'A bearer that is refused for a closed session opens a new one',
        prepaid('a session > that the seller closed by itself has its refund looked for, and another one is opened'),
      ),
      holds('SHOULD', 'client', 'The return invoice lives for twice the `idleTimeout`', THIRTY_DAYS),
    ),
    section(
      'Streaming',
      differs(
        'MUST',
        'server',
        'Each chunk that is emitted costs the `amount`, read from the echoed challenge',
        'What counts is what is sold (tokens, bytes, seconds), at the exact price of the agreement, and never a number that a client echoes. `unitType` says for how much of it `amount` is; a client that pays what is asked for notices nothing.',
        TERMS,
        OPENED,
      ),
      holds(
        'MUST',
        'server',
        'A stream whose balance is used up stops at once',
        TOPPED_UP,
        NOT_TOPPED_UP,
        schemes('a stream of events under a session > is paused by its reader, and not billed for what waits'),
      ),
      holds(
        'MUST',
        'server',
        'It says `payment-need-topup`, with session, spent and required',
        TOPPED_UP,
        mpp('charge and session > answers to close, events and receipts come back'),
      ),
      holds('MUST', 'server', 'It is held open, and goes on when the balance covers the next unit', TOPPED_UP),
      holds('SHOULD', 'server', 'It is closed when no top-up comes for a while', NOT_TOPPED_UP),
      holds('SHOULD', 'server', 'It says `session-timeout` before that, with the same fields', NOT_TOPPED_UP),
      holds(
        'MUST',
        'client',
        'At `payment-need-topup` the stream is kept open, a fresh challenge paid, and the top-up sent',
        prepaid(
          'a session > is opened by a deposit, fed by more, and closed with what is left coming back',
          'a session > gets its further deposits before it is empty, if the source leaves time',
        ),
        testsOf('test/conformance/together.test.ts')(
          'a stream that costs several deposits comes whole under session, and what is left comes back',
        ),
      ),
    ),
    section(
      'Session state',
      holds(
        'MUST',
        'server',
        'Sessions are durable: a restart forgets no deposit and no spending',
        RESTARTED,
        schemes('a session > goes on after a restart with what is left, and is closed by it when it idles'),
      ),
      holds(
        'MUST',
        'server',
        'Changes of a balance are one after the other: requests at once spend no sat twice',
        AT_ONCE,
        TOPPED_UP_ONCE,
      ),
    ),
    section(
      'Receipt',
      holds(
        'MUST',
        'server',
        'Every action that succeeds has a receipt, the session as its reference',
        OPENED,
        USED,
        TOPPED_UP,
        CLOSED,
      ),
      holds('MUST', 'server', 'That of a close has `refundSats` and `refundStatus` too', CLOSED),
      holds(
        'MUST',
        'server',
        'A stream ends with `payment-receipt`, with `spent` and `units`, before `[DONE]`',
        OPENED,
      ),
    ),
    section(
      'Errors',
      holds('MUST', 'server', 'A refused credential gets a 402 with a fresh challenge', REFUSED, ENDED),
      holds(
        'SHOULD',
        'server',
        'Its body is a problem document, of a type of this intent or of the scheme',
        REFUSED,
        ENDED,
        mpp('charge and session > problems have the types of the drafts, and are read back'),
      ),
      holds(
        'SHOULD',
        'client',
        '`insufficient-balance` is answered with a top-up',
        prepaid('a session > serves further requests by its bearer, and a further deposit when it is empty'),
      ),
    ),
    section(
      'Security',
      holds(
        'MUST',
        'both',
        'A preimage travels over TLS only, or on loopback',
        testsOf('src/seller/adapters/node.test.ts')('plain http on "%s" has to be allowed'),
        buyer('a charge > is not paid over plain http to another machine'),
      ),
      holds('MUST NOT', 'server', 'The id of a session is never used for two', OF_ONE_SESSION, REOPENED),
      holds('MUST', 'server', 'Closed sessions are remembered, so that their preimage opens nothing', ENDED, RESTARTED),
    ),
  ],
}
