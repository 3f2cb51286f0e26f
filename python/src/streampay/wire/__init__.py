"""What Stream puts on the wire (spec/stream.md): read, checked and written without the daemon. Signatures are its affair."""

from .challenge import (
    Challenge,
    Credential,
    challenge_id,
    find_offer,
    parse_challenges,
    parse_credential,
    verify_challenge,
)
from .encoding import canonical_json, decode_json, encode_json, format_time, parse_time
from .offer import (
    AcceptedAgreement,
    Agreement,
    Credit,
    Offer,
    Terms,
    agreement_json,
    decode_offer,
    differing_terms,
    offer_json,
    read_agreement,
    read_offer,
)
from .play import Play, read_play
from .statement import Receipt, Statement, parse_receipt, read_statement

__all__ = [
    "AcceptedAgreement",
    "Agreement",
    "Challenge",
    "Credential",
    "Credit",
    "Offer",
    "Play",
    "Receipt",
    "Statement",
    "Terms",
    "agreement_json",
    "canonical_json",
    "challenge_id",
    "decode_json",
    "decode_offer",
    "differing_terms",
    "encode_json",
    "find_offer",
    "format_time",
    "offer_json",
    "parse_challenges",
    "parse_credential",
    "parse_receipt",
    "parse_time",
    "read_agreement",
    "read_offer",
    "read_play",
    "read_statement",
    "verify_challenge",
]
