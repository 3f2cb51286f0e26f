import { type Document, differs, holds, section, testsOf } from '../row.ts'

const here = testsOf('test/conformance/l402.test.ts')
const header = testsOf('src/wire/l402/header.test.ts')
const macaroon = testsOf('src/wire/l402/macaroon.test.ts')
const caveats = testsOf('src/wire/l402/caveats.test.ts')
const buyer = testsOf('test/conformance/buyer.test.ts')
const prepaid = testsOf('test/prepaid/prepaid.test.ts')
const schemes = testsOf('test/schemes/l402.test.ts')

const grpc = testsOf('test/conformance/grpc.test.ts')

const METADATA = grpc('a call of gRPC > has its token read in the metadata `%s`, %s')
const OFFERED = here(
  'an L402 challenge > has version, token and invoice, under both names, and the token commits to the payment hash',
)
const UNPAID = here('a token > that nobody paid for is refused, with a challenge')
const USED = here('a token > is good until its allowance is drawn down, and then for a fresh 402')
const REFUSED = here('a token > with %s is refused with a 402 and a challenge')
const BYTES = macaroon('macaroons against the Go library > has its bytes: $name')
const COMES_BACK = buyer(
  'an L402 token > comes back as it was written, with the preimage in hex, whatever else the challenge said',
)
const CHECKED = prepaid('before anything is paid > what is asked for %s is refused')
const READ = header('L402 challenges > are read: %s')

export const l402: Document = {
  scheme: 'l402',
  title: 'L402 (protocol and macaroon specification, revision of 2026-03)',
  scope:
    'With LSAT, as it was called. A token that is paid for once, and drawn down by our meter until its allowance is used up.',
  sections: [
    section(
      'Server flow',
      holds('SHOULD', 'server', 'The invoice asks for what the endpoint costs', OFFERED, USED),
      holds('MUST', 'server', 'A request without a credential gets a 402 with an L402 challenge and a token', OFFERED),
      holds('MUST', 'server', 'The token is good only once its invoice is paid', UNPAID, USED),
      holds('MUST', 'server', 'The token commits to the payment hash of the invoice', OFFERED),
      holds(
        'MUST',
        'server',
        'The challenge has `version="0"`, `token` and `invoice`',
        OFFERED,
        header('L402 challenges > are written so that deployed clients find them'),
      ),
      holds(
        'MUST',
        'server',
        'A credential is verified: its signature, and the preimage against the payment hash',
        REFUSED,
      ),
      holds(
        'MUST',
        'server',
        'The credential is read as base64 token, colon, hex preimage',
        REFUSED,
        header('L402 credentials > are read: %s'),
      ),
      differs(
        'MUST',
        'server',
        'A credential that is invalid, or not paid, gets a 401',
        'It gets a 402 with a fresh challenge, as from the servers that are deployed and as the `Payment` scheme asks: a client knows then how to mend it. 401 is for authentication that no payment replaces.',
        REFUSED,
        UNPAID,
      ),
      holds('SHOULD', 'server', 'A request that was paid for is served, or passed on', USED),
      holds(
        'SHOULD',
        'server',
        'A token or preimage with characters it cannot have gets a 402 with a challenge',
        REFUSED,
      ),
      holds(
        'SHOULD',
        'server',
        'A token is good until it is revoked, expires or is used up, and then a new challenge is made',
        USED,
        here(
          'a token > that its holder let expire is refused',
          'a token > is good for a seller that starts again',
          'a token > shown from 50 connections at once is drawn down no further',
        ),
      ),
    ),
    section(
      'Client flow',
      holds(
        'SHOULD',
        'client',
        'A request whose invoice asks too much is given up',
        buyer('an L402 token > that asks for more than is allowed is not paid'),
        CHECKED,
      ),
      holds('MUST', 'client', 'The invoice is checked before it is paid', CHECKED),
      holds('MUST', 'client', 'The credential is the token as it came, a colon, and the preimage in hex', COMES_BACK),
      holds('MUST', 'client', 'Unknown parameters of a challenge are ignored', READ, COMES_BACK),
    ),
    section(
      'gRPC',
      holds(
        'MUST',
        'server',
        'A gRPC call without a credential gets 200 with the challenge, `Grpc-Status: 13` and `Grpc-Message: payment required`',
        grpc(
          'a call of gRPC > of type %s without a credential gets 200 with the challenge, `Grpc-Status: 13` and `Grpc-Message: payment required`',
          'a call of gRPC > with a token that has %s is refused in the same form, with a fresh challenge',
        ),
        testsOf('test/gateway/grpc.test.ts')(
          'is asked to pay, pays, and has its call answered with the trailers of the service; then it is asked again',
        ),
      ),
      holds(
        'SHOULD',
        'server',
        'The metadata key `macaroon` of a gRPC call is accepted as well',
        METADATA,
        header('L402 credentials > come in the metadata of gRPC too'),
        schemes('an L402 token > is the same as LSAT, and as gRPC clients send it'),
      ),
      holds(
        'MUST',
        'server',
        'The metadata key `token` of a gRPC call is read',
        METADATA,
        grpc('a call of gRPC > may have a `token` that is the service’s own, and a request that is none has only that'),
      ),
      holds(
        'MUST',
        'client',
        'The token is sent as metadata of the key `token`, in hex, as well',
        grpc(
          'the buyer > pays what a call is asked for, and sends the token as metadata of the key `token`, in hex, as well',
          'the buyer > sends a token that is no macaroon as its server wrote it, in hex',
        ),
      ),
    ),
    section(
      'Backwards compatibility',
      holds(
        'SHOULD',
        'both',
        '`LSAT` is understood wherever `L402` is',
        READ,
        header('L402 credentials > are read: %s'),
        here('a token > is known as LSAT, and where the preimage is in capitals'),
      ),
      holds('SHOULD', 'client', '`macaroon` is read as `token` is', READ),
      holds('SHOULD', 'both', 'Neither side needs a `version`', READ, USED),
    ),
    section(
      'Macaroons',
      holds(
        'SHOULD',
        'server',
        'Tokens are macaroons in the V2 binary layout, with an identifier of 66 bytes',
        BYTES,
        OFFERED,
      ),
      differs(
        'MUST',
        'server',
        'The chain begins with the root key itself, and tags and markers are as the specification prints them',
        'The text is wrong in both against the Go library that every server and client of L402 runs. Ours are byte for byte those of the library: the derived key, its tags, and the end marker after the caveats.',
        BYTES,
        macaroon('macaroons against the Go library > judges as it does: $name'),
      ),
      differs(
        'MUST',
        'server',
        'Every macaroon has a random root key of 32 bytes of its own, which is stored',
        'The root key is derived from the secret of the seller and the payment hash, which is random already; so it is of 32 bytes, of its own and known to nobody, and there is nothing to store or to lose. What is stored is the agreement.',
        here('a token > of another resource opens nothing here', 'a token > is good for a seller that starts again'),
        REFUSED,
      ),
      holds(
        'MUST NOT',
        'both',
        'Whoever has no root key makes no token, and takes no caveat off one',
        REFUSED,
        macaroon(
          'macaroons > can be narrowed without the key, and never widened',
          'macaroons > with any byte changed either cannot be read, or do not verify, or differ only in their location',
        ),
      ),
      holds(
        'MUST',
        'server',
        'Several caveats of one condition only narrow it: services, capabilities, times, amounts',
        caveats('caveats > can only narrow what stands before them', 'caveats > refuse %s'),
        REFUSED,
      ),
      holds(
        'MUST',
        'server',
        'Caveats of a condition that it does not know are skipped',
        here('a token > with a caveat that is not known here is as good as without'),
        caveats('caveats > restrict nothing where there are none, and only at their own service'),
      ),
      holds(
        'SHOULD',
        'server',
        'The target of a token is one of its services',
        here('a token > that its holder let expire is refused', 'a token > of another resource opens nothing here'),
      ),
      holds(
        'SHOULD',
        'server',
        'A token past its `valid_until` is refused',
        here('a token > that its holder let expire is refused'),
      ),
      holds(
        'SHOULD',
        'server',
        'A token that was revoked is refused',
        schemes('refused, with a fresh challenge, is a token > that was revoked: its agreement is closed'),
      ),
    ),
  ],
}
