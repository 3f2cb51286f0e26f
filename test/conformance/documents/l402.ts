import { type Document, differs, holds, section } from '../row.ts'

export const l402: Document = {
  scheme: 'l402',
  title: 'L402 (protocol and macaroon specification, revision of 2026-03)',
  scope:
    'With LSAT, as it was called. A token that is paid for once, and drawn down by our meter until its allowance is used up.',
  sections: [
    section(
      'Server flow',
      holds('SHOULD', 'server', 'The invoice asks for what the endpoint costs'),
      holds('MUST', 'server', 'A request without a credential gets a 402 with an L402 challenge and a token'),
      holds('MUST', 'server', 'The token is good only once its invoice is paid'),
      holds('MUST', 'server', 'The token commits to the payment hash of the invoice'),
      holds('MUST', 'server', 'The challenge has `version="0"`, `token` and `invoice`'),
      holds('MUST', 'server', 'A credential is verified: its signature, and the preimage against the payment hash'),
      holds('MUST', 'server', 'The credential is read as base64 token, colon, hex preimage'),
      differs(
        'MUST',
        'server',
        'A credential that is invalid, or not paid, gets a 401',
        'It gets a 402 with a fresh challenge, as from the servers that are deployed and as the `Payment` scheme asks: a client knows then how to mend it. 401 is for authentication that no payment replaces.',
      ),
      holds('SHOULD', 'server', 'A request that was paid for is served, or passed on'),
      holds('SHOULD', 'server', 'A token or preimage with characters it cannot have gets a 402 with a challenge'),
    ),
    section(
      'Client flow',
      holds('SHOULD', 'client', 'A request whose invoice asks too much is given up'),
      holds('MUST', 'client', 'The invoice is checked before it is paid'),
      holds('MUST', 'client', 'The credential is the token as it came, a colon, and the preimage in hex'),
      holds('MUST', 'client', 'Unknown parameters of a challenge are ignored'),
    ),
    section(
      'gRPC',
      holds(
        'MUST',
        'server',
        'A gRPC call without a credential gets 200 with the challenge, `Grpc-Status: 13` and `Grpc-Message: payment required`',
      ),
      holds('MUST', 'client', 'The token is sent as metadata as well'),
    ),
    section(
      'Backwards compatibility',
      holds('SHOULD', 'both', '`LSAT` is understood wherever `L402` is'),
      holds('SHOULD', 'client', '`macaroon` is read as `token` is'),
      holds('SHOULD', 'server', 'A request without a `version` is accepted'),
      holds('SHOULD', 'server', 'The metadata key `macaroon` of a gRPC call is accepted as well'),
    ),
    section(
      'Macaroons',
      holds('SHOULD', 'server', 'Tokens are macaroons in the V2 binary layout'),
      differs(
        'MUST',
        'server',
        'The chain begins with the root key itself, and tags and markers are as the specification prints them',
        'The text is wrong in both against the Go library that every server and client of L402 runs. Ours are byte for byte those of the library: the derived key, its tags, and the end marker after the caveats.',
      ),
      differs(
        'MUST',
        'server',
        'Every macaroon has a random root key of 32 bytes of its own, which is stored',
        'The root key is derived from the secret of the seller and the identifier, which nobody can guess either; so an unpaid token costs no write. What is stored is the agreement, and to end that revokes the token.',
      ),
      holds('MUST NOT', 'server', 'The root key is told to nobody'),
      holds(
        'MUST',
        'server',
        'Several caveats of one condition only narrow it: services, capabilities, times, amounts',
      ),
      holds('MUST', 'server', 'Caveats of a condition that it does not know are skipped'),
      holds('SHOULD', 'server', 'A token is revoked by what is stored of it, and is then refused'),
      holds('SHOULD', 'server', 'A token past its `valid_until` is refused'),
    ),
  ],
}
