import { type Document, differs, holds, section, testsOf } from '../row.ts'

const here = testsOf('test/conformance/payment.test.ts')
const challenge = testsOf('test/trade/challenge.test.ts')
const credentials = testsOf('test/trade/credentials.test.ts')
const invoices = testsOf('test/trade/invoices.test.ts')
const limits = testsOf('test/trade/limits.test.ts')
const buyerStops = testsOf('test/trade/buyerStops.test.ts')
const units = testsOf('test/trade/units.test.ts')
const wireChallenge = testsOf('src/wire/challenge.test.ts')
const wireCredential = testsOf('src/wire/credential.test.ts')
const header = testsOf('src/wire/header.test.ts')
const encoding = testsOf('src/wire/encoding.test.ts')
const problem = testsOf('src/wire/problem.test.ts')
const receipt = testsOf('src/wire/receipt.test.ts')
const vectors = testsOf('src/wire/vectors.test.ts')
const transport = testsOf('src/buyer/requests/transport.test.ts')
const redacted = testsOf('src/errors/redact.test.ts')
const ownHeaders = testsOf('test/trade/ownHeaders.test.ts')
const beside = testsOf('test/prepaid/beside.test.ts')
const headerOf = testsOf('test/schemes/header.test.ts')
const digest = testsOf('test/schemes/digest.test.ts')
const FILES = testsOf('src/ledger/sqlite/database.test.ts')(
  'a file and what SQLite puts beside it are readable by their owner alone, also one that was not',
)

const REFUSED = here('a refused credential > %s: 402, %s, with a fresh challenge and no receipt')
const UNPAID = challenge('a 402 > makes no invoice, no write and no call to the node, however many ask')
const FULL = here(
  'the challenge of a 402 > has every parameter that is required, canonical and without padding, and says when it ends',
)

const ACCEPTED = testsOf('test/conformance/offered.test.ts')('Accept-Payment > of %s: %j')

/** For the `stream` intent, and what it asks of every intent. What charge and session add is in their own tables. */
export const payment: Document = {
  scheme: 'payment',
  title: 'The `Payment` scheme (draft-httpauth-payment-00)',
  scope:
    'What the scheme asks whatever the intent, shown on our own `stream` intent where a row does not say otherwise.',
  sections: [
    section(
      'Status codes',
      holds('MUST', 'server', 'A request without a credential gets a 402 with a fresh challenge', UNPAID, FULL),
      holds('MUST', 'server', 'A credential that cannot be read gets a 402 with `malformed-credential`', REFUSED),
      holds('MUST', 'server', 'A challenge that is unknown or altered gets a 402 with `invalid-challenge`', REFUSED),
      differs(
        'MUST',
        'server',
        'An expired challenge gets a 402 with `invalid-challenge`',
        'The draft names two types for it; `payment-expired`, from its own list of types, tells the client that a fresh challenge is all it needs.',
        challenge('an acceptance > of an offer that has expired is refused, with a fresh one'),
        problem('problems > have the types that the Payment scheme names, and our own for the rest'),
      ),
      differs(
        'MUST',
        'server',
        'A challenge that was used already gets a 402 with `invalid-challenge`',
        'A `stream` challenge is an offer and pays for nothing, so it may be accepted until it expires: by whoever repeats an acceptance with the same agreement, by others with one of their own. The single use of what was paid is in the tables of charge and session.',
        challenge('an acceptance > repeated with the same nonce yields the same agreement, and another nonce another'),
        here('two buyers that were given one challenge have an agreement each'),
      ),
      holds(
        'MUST',
        'server',
        'A proof of payment that does not hold gets a 402 with `verification-failed`, or the type that its intent has for it',
        testsOf('test/conformance/charge.test.ts')(
          'a refused charge > %s: 402, %s, and a fresh challenge that can be paid',
        ),
        problem('problems > have the types that the Payment scheme names, and our own for the rest'),
      ),
      holds(
        'MUST',
        'server',
        'Who paid and is refused for another reason gets a 403 without a challenge',
        here('an answer to who has paid > of %i by the service itself has no challenge, no receipt and no cost'),
      ),
    ),
    section(
      'Usage of 402',
      holds(
        'SHOULD',
        'server',
        'A resource that costs answers 402 where a challenge can be made and payment is what stands in the way',
        UNPAID,
        challenge('a 402 > says what it is to people, and is not cached'),
      ),
      holds(
        'SHOULD NOT',
        'server',
        'What is not there is a 404, and not a 402',
        testsOf('test/gateway/gateway.test.ts')(
          'routes > each at its own price, by path, method, header and model; what no route has is not there',
        ),
      ),
      holds(
        'SHOULD NOT',
        'server',
        'Where no challenge can be made the answer is no 402',
        here('the challenge of a 402 > is not made where no payment can be taken: that is a 503'),
      ),
      holds(
        'SHOULD NOT',
        'server',
        'Who is not authenticated, or not authorized, is told 401 or 403',
        here('who is not let in by an authentication before the wall is told 401, and nothing of the price'),
        here('an answer to who has paid > of %i by the service itself has no challenge, no receipt and no cost'),
      ),
      holds(
        'MUST NOT',
        'server',
        'Every 402 of a wall that speaks `Payment` carries at least one challenge of it',
        UNPAID,
        REFUSED,
      ),
      differs(
        'MUST NOT',
        'server',
        'No 402 goes out without a challenge, not even one that the sold service answers itself',
        "The service's own 402 (an account of its own that ran dry) is handed on as it is and costs nothing: a challenge on it would ask the buyer for money that mends nothing.",
        here('an answer to who has paid > of %i by the service itself has no challenge, no receipt and no cost'),
      ),
      holds(
        'SHOULD',
        'server',
        'Authentication is verified before payment is asked for',
        here('who is not let in by an authentication before the wall is told 401, and nothing of the price'),
      ),
    ),
    section(
      'Challenge',
      holds(
        'MUST',
        'server',
        'The `id` is there, not empty, and bound to the other parameters',
        FULL,
        wireChallenge('challengeId > does not bind the description, and binds everything else'),
      ),
      holds(
        'MUST',
        'client',
        'A challenge whose `id` is missing or empty is refused',
        header('parseChallenges > keeps the readable challenges and drops the others'),
      ),
      holds(
        'MUST',
        'client',
        'Every parameter of the challenge comes back in the credential unchanged, `id`, `digest` and `opaque` among them',
        wireCredential('parseCredential > reads what formatCredential writes'),
        header('formatChallenge > writes what parseChallenges reads'),
        vectors('vectors of the wire > credential.json'),
        testsOf('test/conformance/buyer.test.ts')(
          'a charge > is answered with all that the challenge had, and with the very body of the request',
        ),
      ),
      holds('MUST', 'server', 'The `realm` is there', FULL, wireChallenge('createChallenge > refuses the realm "%s"')),
      holds('MUST', 'server', 'The `method` is in lower case ASCII', FULL),
      differs(
        'MUST',
        'server',
        'The `intent` is one of the registry',
        'The registry is empty as long as the drafts are drafts, and no intent of it streams. `stream` follows the rules for intents; clients that do not know it skip it, and the intents they do know can be offered beside it.',
        here('a buyer > takes a challenge whose %s it does not know for none, and pays nothing'),
      ),
      holds(
        'MUST',
        'server',
        'The `request` is canonical JSON (RFC 8785) in base64url without padding',
        FULL,
        encoding(
          'jcs > orders members by UTF-16 code units and writes numbers as RFC 8785 says',
          'base64url > knows the vectors of RFC 4648, without padding',
        ),
      ),
      holds(
        'SHOULD',
        'server',
        'The challenge of a charge for a request with a body has the `digest` of it',
        digest('a charge for a request with a body > is bound to that body, and good for it alone'),
        testsOf('src/wire/digest.test.ts')('the digest of a body > is that of RFC 9530'),
      ),
      differs(
        'SHOULD',
        'server',
        'Every challenge for a request with a body has the `digest` of it',
        'An agreement and a session open a scope, not one request: they are made once and pay for many bodies, each counted as it comes. Of a charge, a body over 64 KiB, or one that is long in coming, is not read for who did not pay.',
        digest(
          'a charge for a request with a body > is bound to nothing where there is no body, or one too long to be read for nothing',
          'a charge for a request with a body > leaves the other schemes of the same 402 to any body',
        ),
        testsOf('test/trade/tariffLies.test.ts')(
          'who stops paying for its upload is not read any further, and is charged for nothing',
        ),
        credentials('an agreement of another scope > opens nothing here'),
      ),
      holds(
        'MUST',
        'client',
        'A challenge with a `digest` is answered with the very body it was made for, by later runs too',
        beside(
          'a charge that is bound to a body > is used by a later request with the same body',
          'a charge that is bound to a body > is not shown with another',
          'a charge that is bound to a body > is not paid where it is for another body than this request has',
        ),
        testsOf('test/conformance/buyer.test.ts')(
          'a charge > is answered with all that the challenge had, and with the very body of the request',
        ),
      ),
      holds(
        'MUST',
        'server',
        'A credential whose `digest` does not fit is refused',
        digest('a charge for a request with a body > is bound to that body, and good for it alone'),
        here('a refused credential > %s: 402, %s, with a fresh challenge and no receipt'),
      ),
      holds(
        'SHOULD',
        'server',
        'The challenge says when it `expires`, as RFC 3339',
        FULL,
        testsOf('src/wire/time.test.ts')('parseTime > reads back what it writes, and never throws'),
      ),
      holds(
        'MUST NOT',
        'client',
        'Nothing is sent for a challenge that has expired',
        challenge('an acceptance > of an offer that has expired is refused, with a fresh one'),
        wireChallenge('isExpired > goes by expires, and distrusts what it cannot read'),
      ),
      holds(
        'MUST NOT',
        'both',
        'The `description` decides nothing',
        here('a buyer > goes by the request of a challenge, and never by its description'),
        wireChallenge('challengeId > does not bind the description, and binds everything else'),
      ),
      holds(
        'SHOULD',
        'server',
        '`opaque` is bound as well',
        wireChallenge(
          'challengeId > is the HMAC over seven slots, byte for byte',
          'verifyChallenge > knows its own, and no other',
        ),
        challenge('an acceptance > of a challenge whose %s was altered is refused'),
      ),
      holds('MUST', 'client', 'Parameters that it does not know are ignored', header('parseChallenges > reads %s')),
    ),
    section(
      'The `header` parameter (of -02)',
      holds(
        'MUST',
        'server',
        'A challenge with a `header` has it in its `id`, as an eighth slot, and any other has seven',
        wireChallenge('the header of a challenge > is bound, and says where the credential goes'),
        testsOf('src/wire/mpp/mpp.test.ts')(
          'charge and session > the header of a credential is bound where it is named',
        ),
      ),
      holds(
        'SHOULD',
        'server',
        'Where the service takes `Authorization` for itself the challenge asks for the credential in `Payment-Authorization`',
        headerOf(
          'the header that a 402 asks for the credential in > is Payment-Authorization where the request has an Authorization of another kind',
          'the header that a 402 asks for the credential in > is what the wall says, always or never',
        ),
      ),
      holds(
        'MUST',
        'client',
        'The credential goes into the header that the challenge asks for, and an `Authorization` of the request stays',
        ownHeaders(
          'an Authorization of the request’s own > stays, with the payment beside it, from the first request to the return',
          'an Authorization of the request’s own > for which a seller leaves no room is told before anything is agreed or paid',
        ),
        beside(
          'a request with an Authorization of its own > is charged beside it where the seller leaves room',
          'a request with an Authorization of its own > is not paid by %s where it would lose it',
        ),
      ),
    ),
    section(
      'Challenge binding',
      holds(
        'SHOULD',
        'server',
        'The `id` binds the parameters, so that nobody pays for what was not offered',
        wireChallenge('createChallenge > offers what it was given, and verifies'),
      ),
      holds(
        'MUST',
        'server',
        'The binding of an echoed challenge is verified',
        challenge(
          'an acceptance > of a challenge whose %s was altered is refused',
          'an acceptance > of an offer with a better price, signed by somebody else, is refused',
        ),
      ),
      holds(
        'SHOULD',
        'server',
        'The HMAC is over seven slots in their order, absent ones empty',
        wireChallenge('challengeId > is the HMAC over seven slots, byte for byte'),
        vectors('vectors of the wire > challenge.json'),
      ),
    ),
    section(
      'Credentials',
      holds(
        'MUST',
        'both',
        'A credential is one base64url token of a JSON object with `challenge` and `payload`',
        wireCredential('parseCredential > reads what formatCredential writes', 'parseCredential > refuses %s'),
        vectors('vectors of the wire > credential.json'),
      ),
      holds(
        'MUST NOT',
        'server',
        'A `source` is not asked for, and does no harm',
        wireCredential('parseCredential > ignores members it does not know'),
        credentials('a credential > may be repeated and overlapped: every use is counted'),
      ),
    ),
    section(
      'Payment-Receipt',
      holds(
        'SHOULD',
        'server',
        'A 2xx has a receipt with status, method, timestamp and reference',
        here(
          'an answer to who has paid > has a receipt that names method, reference, success and time, and is private',
        ),
      ),
      holds(
        'MUST',
        'both',
        'The status of a receipt is `success`, and nothing else is read',
        receipt('receipts > say success, as the draft demands'),
      ),
      holds(
        'MUST NOT',
        'server',
        'An answer that is an error has no receipt',
        REFUSED,
        units('what is not charged > an answer of %i, whatever the unit'),
      ),
    ),
    section(
      'Methods and intents',
      holds(
        'SHOULD',
        'client',
        'A challenge whose intent it does not know is unsupported, and nothing is paid for it',
        here('a buyer > takes a challenge whose %s it does not know for none, and pays nothing'),
      ),
      holds('SHOULD', 'server', 'Only challenges are returned that `Accept-Payment` accepts with q above 0', ACCEPTED),
      holds('SHOULD', 'server', 'They come in the order of q, highest first', ACCEPTED),
      holds('SHOULD', 'server', 'Those of the same q come in the order of the server', ACCEPTED),
      holds(
        'SHOULD',
        'server',
        'Of several ranges that match the most specific counts',
        ACCEPTED,
        testsOf('src/wire/mpp/acceptPayment.test.ts')('Accept-Payment > takes the most specific range'),
      ),
      holds('MUST', 'server', 'Without `Accept-Payment` every method and intent is accepted', ACCEPTED),
      holds(
        'MUST',
        'client',
        'What was asked for by `Accept-Payment` or not, the challenge is checked before anything is paid',
        challenge('haggling > a price above the limit, or in another unit, is refused before anything is agreed'),
        invoices('a first invoice > that %s is not paid'),
      ),
    ),
    section(
      'Error handling',
      holds(
        'SHOULD',
        'server',
        'A 402 has a problem document (RFC 9457) as its body',
        REFUSED,
        challenge('a 402 > says what it is to people, and is not cached'),
      ),
      holds(
        'SHOULD',
        'server',
        "The `type` is one of the scheme's where it has one",
        problem('problems > have the types that the Payment scheme names, and our own for the rest'),
      ),
      holds(
        'MUST',
        'server',
        'A method that is not accepted is a 400 with `method-unsupported`',
        credentials('a credential > of another method or intent is not served'),
      ),
      holds(
        'SHOULD',
        'server',
        '`Retry-After` says when to come again, where that helps',
        limits(
          'Retry-After > of too many unpaid agreements is a minute at most, and of too many invoices when the first expires',
          'Retry-After > is on no other refusal',
        ),
      ),
    ),
    section(
      'Extensibility and size',
      holds(
        'MUST',
        'both',
        'Parameters and fields that are not known are ignored',
        wireCredential('parseCredential > ignores members it does not know'),
        testsOf('src/wire/offer.test.ts')('decodeOffer > ignores members it does not know, everywhere'),
        here('a credential > of %i bytes is read, with members that nobody knows'),
      ),
      holds(
        'SHOULD',
        'server',
        'A challenge is shorter than 8 KiB',
        FULL,
        wireChallenge('createChallenge > refuses a short secret and an endless offer'),
      ),
      holds(
        'MUST',
        'client',
        'Challenges of 4 KiB are read',
        here('the challenge of a 402 > is read by a client up to 8 KiB'),
      ),
      holds(
        'MUST',
        'server',
        'Credentials of 4 KiB are read',
        here('a credential > of %i bytes is read, with members that nobody knows'),
        wireCredential('parseCredential > reads every action within 8 KiB, the longest lists and invoices included'),
      ),
    ),
    section(
      'Internationalization',
      holds('SHOULD', 'server', 'The `realm` is ASCII', wireChallenge('createChallenge > refuses the realm "%s"')),
      differs(
        'SHOULD',
        'server',
        'The `description` is in a language that `Accept-Language` asks for',
        "It is one text of the operator's. It decides nothing, and a 402 that is the same for all costs one HMAC a second; who wants several languages mounts a wall for each.",
        here('the challenge of a 402 > is the same in whatever language it is asked for'),
      ),
    ),
    section(
      'Transport security',
      holds(
        'MUST NOT',
        'server',
        'No challenge goes out over plain http, unless the operator says that this is wanted',
        testsOf('src/seller/adapters/node.test.ts')('plain http on "%s" has to be allowed'),
        testsOf('test/cli/transport.e2e.ts')(
          'with a certificate it sells over https',
          'plain http to other machines is refused before anything starts, and has to be allowed',
        ),
      ),
      holds(
        'MUST NOT',
        'client',
        'No credential goes out over plain http, unless its user says so',
        transport('over plain http to another machine nothing is accepted, sent or asked of the node', '%s does not'),
      ),
      differs(
        'MUST',
        'both',
        'TLS is used for every flow',
        'Not on loopback, where nobody listens who could not read the process itself; and a reverse proxy may take it off in front of the seller.',
        transport('%s keeps a credential secret'),
        testsOf('src/wire/loopback.test.ts')('what listens on %s is heard by this machine alone'),
      ),
    ),
    section(
      'Credential handling',
      holds(
        'MUST NOT',
        'both',
        'No credential is in a log, an error or an event',
        wireCredential('parseCredential > never repeats a secret in what it throws'),
        redacted('an error carries none in its message, its details, its cause or its stack'),
        testsOf('test/dashboard/events.test.ts')('the log has one line of JSON for an event, and nothing secret in it'),
      ),
      holds(
        'MUST',
        'both',
        'A credential is kept as a password is: it follows no redirect to another origin and is passed on to no service behind',
        testsOf('test/trade/redirects.test.ts')(
          'with leave it is paid where it asks, and its credential goes nowhere else',
          'a seller that was paid cannot have its credential carried to another',
        ),
        testsOf('test/trade/upstream.test.ts')(
          'a seller in front of another service > passes on path, query, method and body, and never the credential',
        ),
        testsOf('test/gateway/schemes.test.ts')(
          'a route with schemes > sells by each of them, and the service behind sees nothing of the payment',
        ),
      ),
      differs(
        'SHOULD',
        'client',
        'Credentials are in memory only, and cleared after use',
        'An agreement outlives its process, and so does its balance: its secret is in the journal, which only its owner may read, so that a killed buyer goes on, or takes its money back.',
        FILES,
        testsOf('test/trade/resume.test.ts')(
          'a buyer that starts again with its journal > takes up the agreement that it kept, with its balance',
        ),
      ),
      holds(
        'MUST NOT',
        'server',
        'The secret behind the challenges is told to nobody, and is in no log or error',
        here('the secret of a seller is in no answer, no event and no error'),
      ),
      holds(
        'SHOULD',
        'server',
        'Challenges made with a secret that was replaced stay valid until they expire',
        testsOf('test/conformance/secrets.test.ts')(
          'after its secret was replaced a seller > accepts what it offered before, and finds the agreement of an acceptance that is repeated',
          'after its secret was replaced a seller > takes a charge and a session that were offered before, whether paid by then or later',
          'after its secret was replaced a seller > takes a token that was paid before, until that is used up or a day old, and then makes a fresh challenge',
          'a secret that was replaced > makes no offer that is good for longer than those were that were made with it',
        ),
      ),
    ),
    section(
      'Replay, idempotency and concurrency',
      holds(
        'MUST',
        'server',
        'A payment counts once',
        testsOf('test/trade/restart.test.ts')(
          'a seller that starts again with its ledger > books what was paid while it was down, once, from its node’s own record',
        ),
        testsOf('src/ledger/ledger.test.ts')('settlements > are booked once, however often they are told'),
      ),
      holds(
        'MUST NOT',
        'server',
        'A request that did not pay has no effect, and nothing is written for it',
        UNPAID,
        buyerStops(
          'a buyer stops paying > a stranger that never pays gets 402 after the grace period, and no work is done for it',
        ),
      ),
      differs(
        'SHOULD',
        'server',
        'An `Idempotency-Key` is answered with the stored response',
        'What is sold is metered and may have no end, so it is not stored. What can be asked again for free is the control of an agreement, each action of which is idempotent; the header itself reaches the service that is sold.',
        challenge('an acceptance > repeated with the same nonce yields the same agreement, and another nonce another'),
        testsOf('src/seller/orders.test.ts')(
          'an order that is repeated, also while it is being made, yields the same invoices',
        ),
        testsOf('src/seller/sources/upstream.test.ts')('method, path, query, headers and body reach the upstream'),
      ),
      differs(
        'MUST',
        'server',
        'Of requests at once with one credential only one is delivered',
        'An agreement is used as often as it pays for: what comes at once shares one gate, and every step of each is covered before it leaves. Single use is a matter of charge, and of opening a session.',
        credentials('a credential > may be repeated and overlapped: every use is counted'),
        units('one agreement, many requests > requests at once share the agreement, its credit and its window'),
      ),
      holds(
        'SHOULD',
        'server',
        'Verifying and consuming are one step, also for what comes at the same moment',
        challenge(
          'an acceptance > repeated at the same moment yields one agreement with one gate',
          'an acceptance > too many at the same moment: no more than allowed',
        ),
      ),
    ),
    section(
      'Amount verification',
      holds(
        'MUST',
        'client',
        'Amount, payee, currency and validity are checked before anything is paid',
        invoices(
          'a first invoice > that %s is not paid',
          'a later invoice > that %s ends the paying, and the reader is told',
        ),
        challenge('haggling > a price above the limit, or in another unit, is refused before anything is agreed'),
        testsOf('src/wire/bolt11.test.ts')('checkInvoice > takes no invoice that leaves the amount open'),
      ),
    ),
    section(
      'Privacy',
      holds(
        'MUST NOT',
        'server',
        'Nobody needs an account to pay',
        here(
          'an answer to who has paid > has a receipt that names method, reference, success and time, and is private',
        ),
      ),
    ),
    section(
      'Intermediaries and caching',
      holds(
        'MUST',
        'client',
        'A 402 is understood that came through a proxy: over one line or several, behind other schemes',
        header('formatChallenge > writes what parseChallenges reads', 'parseChallenges > reads %s'),
      ),
      holds(
        'MUST',
        'server',
        'A 402 has `Cache-Control: no-store`',
        challenge('a 402 > says what it is to people, and is not cached'),
        REFUSED,
      ),
      holds(
        'MUST',
        'server',
        'An answer with a receipt has `Cache-Control: private`',
        here(
          'an answer to who has paid > has a receipt that names method, reference, success and time, and is private',
        ),
      ),
      differs(
        'MUST NOT',
        'server',
        'A challenge is not used twice',
        'An offer that holds no invoice is the same for all who ask in one second. Who accepts it adds a nonce of its own, so nobody gets the agreement of another.',
        here('two buyers that were given one challenge have an agreement each'),
      ),
    ),
    section(
      'Cross-origin',
      holds(
        'SHOULD',
        'client',
        'In a browser the origin is shown, a person confirms, and nothing is paid before',
        testsOf('test/browser/purse.test.ts')(
          'is a fetch that pays after it was allowed to, and gives back what was not used',
          'pays nothing where it is refused, and asks again',
          'pays one seller, and not another that it leads to',
        ),
      ),
    ),
    section(
      'Denial of service',
      holds(
        'SHOULD',
        'server',
        'What strangers can have verified and made is limited by rate',
        limits(
          'a stranger > has the node make so many invoices, and is told when it may have more',
          'a stranger > is one of many: all together are bounded too, and who is refused for that keeps its own',
          'a stranger > closes what it never paid on for one signature, however often it asks, and only so often',
        ),
      ),
      differs(
        'SHOULD',
        'server',
        'Challenges are limited by rate',
        'A `stream` challenge costs one HMAC in a second, however many ask: to refuse it would cost as much as to give it. What costs more is limited, in the row above.',
        UNPAID,
      ),
    ),
    section(
      'Multiple payment options',
      holds(
        'SHOULD',
        'client',
        'Of several challenges one is chosen, by what it can pay and prefers',
        testsOf('test/prepaid/prepaid.test.ts')(
          'of several schemes > the one with the least at risk is taken, and the next if that is above the limits',
          'of several schemes > the buyer says which, and in what order',
        ),
        here('a buyer > sends one credential, for one of the challenges that it was offered'),
      ),
      holds(
        'MUST',
        'client',
        'One credential is sent, for the one that was chosen',
        here('a buyer > sends one credential, for one of the challenges that it was offered'),
      ),
      holds(
        'SHOULD',
        'server',
        'Several credentials in one request are a 400',
        credentials('a credential > twice in one header is refused'),
        here('a refused credential > beside another one, each in a line of its own, is a 400'),
      ),
    ),
  ],
}
