import { type Document, differs, holds, section, testsOf } from '../row.ts'

const discoveryTests = testsOf('test/gateway/discovery.test.ts')
const listing = testsOf('src/cli/price/listing.test.ts')
const here = testsOf('test/conformance/discovery.test.ts')
const KEPT = 'the document says for how long it may be kept, and pages of other origins may read it'
const WHOLE = discoveryTests('what is sold, where, and for how much: OpenAPI with x-payment-info')

/** What concerns a seller that can be found, and a buyer that looks; registries are others' business. */
export const discovery: Document = {
  scheme: 'discovery',
  title: 'Discovery (draft-payment-discovery-00)',
  scope: 'What a seller tells of its prices beforehand, and what a buyer makes of it.',
  sections: [
    section(
      'OpenAPI discovery',
      holds('MUST', 'server', 'An OpenAPI 3 document is at `GET /openapi.json`, as `application/json`', WHOLE),
      holds(
        'MUST',
        'server',
        'It has a version, a title, a version of its own, and paths',
        WHOLE,
        discoveryTests('any texts and paths make a valid document', 'the checks notice what is wrong'),
      ),
      holds('MUST', 'server', 'Every operation that costs has `x-payment-info`', WHOLE),
      holds('SHOULD', 'server', 'It has the form with several `offers`', WHOLE),
      differs(
        'MUST',
        'server',
        'The `intent` of an offer is `charge` or `session`',
        'A route that sells only our `stream` says `session` there, which is what it is, so that the document is valid for everybody; what it really offers is beside it, in `x-stream-offers`.',
        WHOLE,
      ),
      holds(
        'MUST',
        'server',
        'An amount is a string of digits in the smallest denomination of its currency, or null',
        WHOLE,
        discoveryTests('prices and routes that change are told as they are now'),
      ),
      holds(
        'MUST',
        'server',
        'Every operation that costs declares its 402',
        WHOLE,
        discoveryTests('any texts and paths make a valid document'),
      ),
      differs(
        'SHOULD',
        'server',
        'Every operation has the schema of what it takes',
        'A gateway does not know what the services behind it take. A service that tells its own document at `/openapi.json` for free is not covered by ours.',
        discoveryTests(
          'what stands there itself goes first > a free answer of an upstream stays; one that costs, or is none, gives way',
        ),
      ),
      holds('SHOULD', 'server', 'The document says how long it may be kept', here(KEPT)),
      holds('SHOULD', 'server', 'Pages of other origins may read it', here(KEPT)),
    ),
    section(
      'Relationship to the 402',
      holds(
        'MUST NOT',
        'client',
        'Nothing needs discovery: the 402 has the last word',
        here('the price of a seller that tells nothing is read from its 402, and that has the last word'),
      ),
      holds(
        'MUST',
        'client',
        'The short form with one offer is read as the long one with several',
        listing('both forms of the draft are read, and what is free'),
      ),
    ),
  ],
}
