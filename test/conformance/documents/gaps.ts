import { type Document, differs, section, testsOf } from '../row.ts'

const credentials = testsOf('test/trade/credentials.test.ts')
const challenge = testsOf('test/trade/challenge.test.ts')
const limits = testsOf('test/trade/limits.test.ts')
const units = testsOf('test/trade/units.test.ts')
const returns = testsOf('test/trade/returns.test.ts')
const tariff = testsOf('test/trade/tariff.test.ts')
const buyerOfSessions = testsOf('test/prepaid/session.test.ts')
const header = testsOf('src/wire/header.test.ts')

/** Where the drafts leave money or trust open. */
export const gaps: Document = {
  scheme: 'gaps',
  title: 'Gaps',
  scope:
    'Not requirements: what the documents leave open, what is done about it here, and why a client of others notices nothing.',
  sections: [
    section(
      'Of the drafts',
      differs(
        'gap',
        'both',
        'The preimage is the bearer token of charge and session, and every node on the way of the payment learns it',
        'A `stream` agreement is used by a secret that never left TLS; a preimage grants nothing there. For charge and session, where the preimage is all a client has, it counts only with a challenge that was made here for its payment hash.',
        credentials(
          'a credential > with a wrong secret, or for an agreement that is not there, says nothing about which',
        ),
        testsOf('test/conformance/charge.test.ts')(
          'a charge > is good for no other challenge, and no other resource',
          'a preimage without a payment opens nothing: the node of the seller has the last word',
        ),
      ),
      differs(
        'gap',
        'server',
        'The price of a bearer is read from the challenge that it echoes, and nothing checks that one',
        'Terms are those of the agreement, whatever is echoed; a challenge counts only where its HMAC holds.',
        credentials(
          'a credential > stands on the agreement’s own terms, whatever challenge it echoes',
          'an agreement of another scope > opens nothing here',
        ),
        challenge('an acceptance > of an offer with a better price, signed by somebody else, is refused'),
        testsOf('test/conformance/session.test.ts')(
          'a bearer > is charged by the terms of its session, whatever challenge it echoes',
        ),
      ),
      differs(
        'gap',
        'server',
        'The server holds the whole deposit and refunds it by one attempt',
        'A `stream` buyer is ahead by its own window alone. What is owed is a durable claim, tried until it settles or its invoice expires, also by the next process.',
        returns(
          'a return > that fails twice is tried again until it settles, each time after asking the node',
          'a seller that is killed > %s: the next one pays once',
        ),
        buyerOfSessions(
          'a session > never has more with the seller than may be at risk',
          'a seller that is not honest > and says that it paid back what never arrives is not believed',
        ),
        testsOf('test/schemes/session.test.ts')(
          'a session > that was closed by a process that died before the refund was booked is refunded by the next',
        ),
      ),
      differs(
        'gap',
        'client',
        'The client cannot check the count of the units, and is told of a low balance only when it is too late',
        'Both sides count by one rule, and the buyer stops at a false statement; invoices are ordered and paid ahead of need.',
        testsOf('test/trade/counts.property.ts')(
          'the buyer counts what the seller counted, whatever lies between them',
        ),
        testsOf('test/trade/closing.test.ts')(
          'the closing statement > that counts %i more than was received, signed: count-mismatch',
        ),
        buyerOfSessions(
          'a session > gets its further deposits before it is empty, if the source leaves time',
          'a seller that is not honest > and counts more than came is paid no further deposit for it',
        ),
      ),
      differs(
        'gap',
        'both',
        'Amounts are whole sats for one unit',
        'Prices are exact fractions of a msat here, rounded once where money moves. What charge, session and L402 sell is bought at the same price, by a whole number of sats in advance.',
        testsOf('test/schemes/l402.test.ts')('an L402 token > pays for bytes over several answers, at the exact price'),
        units(
          'each unit, end to end > bytes: exactly as many as the body has, on both sides, and the rest of the money comes back',
        ),
        tariff('a tariff, end to end: both sides come to the same, to the msat > flat: a request, whatever comes'),
      ),
      differs(
        'gap',
        'server',
        'Every request without a credential has the node make an invoice',
        'The `stream` challenge needs none. Invoices are made for a stranger only within limits of rate, for each client and for all.',
        challenge('a 402 > makes no invoice, no write and no call to the node, however many ask'),
        limits(
          'a stranger > has the node make so many invoices, and is told when it may have more',
          'a stranger > is one of many: all together are bounded too, and who is refused for that keeps its own',
        ),
        testsOf('test/conformance/offered.test.ts')(
          'a 402 of all schemes > names one invoice in all of them, which makes no other while it is not paid, and stays below 8 KiB',
          'a 402 of all schemes > has stream alone where too many invoices wait to be paid, and says when there will be more',
        ),
      ),
      differs(
        'gap',
        'server',
        'A top-up is bound to no owner, and a deposit that opened a session may be shown again as a top-up',
        'Each payment hash belongs to one agreement from the moment its invoice is made, and is claimed once, under one scheme and for one session.',
        testsOf('test/conformance/session.test.ts')(
          'a top-up > counts once, however often it is shown, and an opened deposit is none',
          'a top-up > belongs to the session that it was first shown for',
        ),
        testsOf('test/conformance/offered.test.ts')(
          'a 402 of all schemes > serves what was paid under the first scheme that shows it, and under no other',
        ),
      ),
      differs(
        'gap',
        'both',
        'Metering is of SSE alone',
        'Any body is metered by the same gate: bytes, SSE, NDJSON, HLS by playing time, WebSockets, JSON. What nobody pays any more is held in mid-stream, and the control of the agreement lies beside it.',
        units('each unit, end to end > tokens of an event stream: one for each event, and the usage has the last word'),
        testsOf('test/gateway/websocket.test.ts')('by the second: the clock of the connection is what is paid'),
        testsOf('test/trade/tariff.test.ts')('playing time > without the header it costs nothing'),
        testsOf('test/trade/buyerStops.test.ts')(
          'a buyer stops paying > the gate shuts within the credit, the source is paused, and after the grace period the work is aborted',
        ),
      ),
      differs(
        'gap',
        'both',
        'What settled and was not delivered is lost',
        'It stays as the balance of the agreement, over kills of either side, and goes back at the close.',
        testsOf('test/trade/restart.test.ts')(
          'a seller that starts again with its ledger > goes on with every agreement where it stood, delivered and paid',
        ),
        testsOf('test/trade/closing.test.ts')('the balance > comes back whole, once'),
        testsOf('test/conformance/charge.test.ts')(
          'a charge > of an answer that failed is not lost: it can be shown again',
        ),
      ),
      differs(
        'gap',
        'both',
        'Clients differ in what they read and echo, and the HMAC binds neither path nor query',
        'What is sold is bound by `scope`, inside `request`, which every client echoes, and an agreement opens nothing beyond its own; a challenge with a repeated parameter is none. An echo that leaves out `header` or `digest` is verified with them put back.',
        challenge('an acceptance > of another scope’s challenge is refused'),
        testsOf('test/schemes/header.test.ts')(
          'the header that a 402 asks for the credential in > is good for a charge whose echo comes %s it, and the key reaches the service',
        ),
        testsOf('test/schemes/digest.test.ts')(
          'a charge for a request with a body > is good for a client that echoes no digest: the body tells it',
        ),
        header('parseChallenges > keeps the readable challenges and drops the others'),
      ),
      differs(
        'gap',
        'client',
        'A receipt is signed by nobody, and nothing says what a client is to do with one',
        'It is held against the payment. One that is for another is told and kept in the journal; it ends nothing, since what came is there.',
        testsOf('test/prepaid/beside.test.ts')(
          'a receipt > %s is told and noted, and what came is there',
          'a receipt > of a session that lies %s is told, and the stream goes to its end',
        ),
        testsOf('test/trade/closing.test.ts')('the receipt > that %s is told and noted, and ends nothing'),
      ),
      differs(
        'gap',
        'both',
        'A seller that looks at a key before its wall has 401 for the actions that are only about payment',
        'They carry the headers by which the request says who asks, to the same origin and path alone.',
        testsOf('test/trade/ownHeaders.test.ts')(
          'a key that the seller looks at before its wall > goes with every control action, and nothing that belongs to one request does',
          'a key that the seller looks at before its wall > does not go to another origin that a redirect leads to',
        ),
        testsOf('test/prepaid/beside.test.ts')(
          'a session at a seller with a door before its wall > goes through it with every action: %s',
        ),
      ),
      differs(
        'gap',
        'both',
        'Top-up and close of a session have no body, and where the price goes by the body no route is theirs',
        'A gateway finds their route by the session.',
        testsOf('test/gateway/schemes.test.ts')(
          'a session on routes that are chosen by the body > is topped up and closed without one: its wall is found by its id',
        ),
      ),
      differs(
        'gap',
        'both',
        'L402 knows no other header than `Authorization`',
        'A buyer whose request has one of its own passes L402 over, and says so where nothing else is offered. A seller takes a token in `Payment-Authorization` too, and offers L402 as ever.',
        testsOf('test/prepaid/beside.test.ts')(
          'a request with an Authorization of its own > is not paid by %s where it would lose it',
        ),
        testsOf('test/schemes/header.test.ts')(
          'the header that a 402 asks for the credential in > is Payment-Authorization where the request has an Authorization of another kind',
        ),
      ),
      differs(
        'gap',
        'server',
        'Pages in a browser cannot read challenge and receipt of another origin',
        'A gateway lets them, and names what they may read; no cookie is let through.',
        testsOf('test/gateway/schemes.test.ts')('a route with schemes > tells pages of other origins what they need'),
        testsOf('src/gateway/pages/pages.test.ts')('pages of other origins may ask, and read what paying needs'),
      ),
    ),
  ],
}
