"""`WWW-Authenticate: Payment …` and `Authorization: Payment …` (spec sections 2 and 3)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import StreamError
from .encoding import MAX_ENCODED, decode_json, encode_base64url, encode_json, parse_time
from .fields import Fields
from .offer import Offer, decode_offer

_REQUIRED = ("id", "realm", "method", "intent", "request")
_OPTIONAL = ("expires", "digest", "opaque", "description")
_MAX_HEADER = 65_536
_MAX_CHALLENGES = 32
_MAX_PARAMETERS = 32

_SEPARATORS = re.compile(r"[\s,]*", re.A)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.A)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_TOKEN68 = re.compile(r"[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))", re.A)
_TO_NEXT = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^",])*', re.S)
_CREDENTIAL = re.compile(r"payment +([\w-]+)", re.I | re.A)


@dataclass(frozen=True)
class Challenge:
    """The parameters of a `Payment` challenge, as they stand on the wire."""

    id: str
    realm: str
    method: str
    intent: str
    request: str
    """base64url of JSON; :attr:`offer` reads it."""
    expires: str | None = None
    digest: str | None = None
    opaque: str | None = None
    description: str | None = None
    """For people, and bound by nothing."""

    @property
    def offer(self) -> Offer:
        """:raises StreamError: ``method-unsupported``, ``challenge-malformed``"""
        if (self.method, self.intent) != ("lightning", "stream"):
            raise StreamError("method-unsupported", f"this is intent {self.intent[:64]} of method {self.method[:64]}")
        return decode_offer(self.request)

    def is_expired(self, now_ms: int) -> bool:
        """Without a time it never expires, and with one that cannot be read it has."""
        if self.expires is None:
            return False
        at = parse_time(self.expires)
        return at is None or now_ms >= at

    def json(self) -> dict[str, str]:
        names = (*_REQUIRED, *_OPTIONAL)
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def challenge_id(secret: bytes, challenge: Mapping[str, str]) -> str:
    """HMAC-SHA256 over seven slots joined by `|`, an absent one empty."""
    slots = ("realm", "method", "intent", "request", "expires", "digest", "opaque")
    text = "|".join(challenge.get(name, "") for name in slots)
    return encode_base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def verify_challenge(secret: bytes, echoed: Challenge) -> bool:
    """Whether whoever holds the secret made this challenge, unaltered but for its description."""
    return hmac.compare_digest(echoed.id.encode(), challenge_id(secret, echoed.json()).encode())


def parse_challenges(header: str | Sequence[str]) -> list[Challenge]:
    """Every `Payment` challenge of a response; other schemes are skipped, and so is one that lacks or repeats a parameter.

    :raises StreamError: ``challenge-malformed`` if there were some and none could be read, or beyond bounds
    """
    lines = [header] if isinstance(header, str) else header
    if sum(map(len, lines)) > _MAX_HEADER:
        raise StreamError("challenge-malformed", f"WWW-Authenticate exceeds {_MAX_HEADER} bytes")
    found = [scheme for line in lines for scheme in _read_schemes(line) if scheme.name == "payment"]
    if len(found) > _MAX_CHALLENGES:
        raise StreamError("challenge-malformed", f"more than {_MAX_CHALLENGES} challenges")
    read = [_to_challenge(scheme) for scheme in found]
    good = [challenge for challenge in read if isinstance(challenge, Challenge)]
    if read and not good:
        raise StreamError("challenge-malformed", str(read[0]))
    return good


def find_offer(header: str | Sequence[str]) -> Offer | None:
    """The offer of the first challenge that is paid by use; ``None`` where there is none."""
    for challenge in parse_challenges(header):
        if (challenge.method, challenge.intent) == ("lightning", "stream"):
            return challenge.offer
    return None


class _Scheme:
    def __init__(self, name: str) -> None:
        self.name = name
        self.parameters: list[tuple[str, str]] = []
        self.broken = False


def _to_challenge(scheme: _Scheme) -> Challenge | str:
    """A challenge, or what is wrong with it."""
    values = dict(scheme.parameters)
    if scheme.broken or len(scheme.parameters) > _MAX_PARAMETERS:
        return "a Payment challenge cannot be read"
    if len(values) < len(scheme.parameters):
        return "a Payment challenge repeats a parameter"
    for name in _REQUIRED:
        if not values.get(name):
            return f"a Payment challenge lacks {name}"
    if sum(len(name) + len(value) for name, value in scheme.parameters) > MAX_ENCODED:
        return f"a Payment challenge exceeds {MAX_ENCODED} bytes"
    if "description" in values:
        values["description"] = _from_byte_string(values["description"])
    return Challenge(**{name: values[name] for name in (*_REQUIRED, *_OPTIONAL) if name in values})


def _from_byte_string(text: str) -> str:
    """A header holds bytes, one character each: a description beyond ASCII is UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _read_schemes(line: str) -> list[_Scheme]:
    """Splits one header line (RFC 9110, section 11.6.1). Every turn moves on, so the time is linear in the length."""
    schemes: list[_Scheme] = []
    at = 0

    def take(pattern: re.Pattern[str]) -> re.Match[str] | None:
        nonlocal at
        match = pattern.match(line, at)
        if match:
            at = match.end()
        return match

    take(_SEPARATORS)
    while at < len(line):
        current = schemes[-1] if schemes else None
        token = take(_TOKEN)
        if token is None:
            if current:
                current.broken = True
            at += 1
            take(_TO_NEXT)
        elif current and take(_EQUALS):
            quoted = take(_QUOTED)
            value = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.S) if quoted else None
            if value is None:
                plain = take(_TOKEN)
                value = plain[0] if plain else None
            if value is None:
                current.broken = True
            else:
                current.parameters.append((token[0].lower(), value))
            if at < len(line) and line[at] not in " \t\r\n\f\v,":
                current.broken = True
                take(_TO_NEXT)
        else:
            schemes.append(_Scheme(token[0].lower()))
            take(_TOKEN68)
        take(_SEPARATORS)
    return schemes


@dataclass(frozen=True)
class Credential:
    """What an `Authorization: Payment` header carries: the challenge as the buyer echoes it, and what it asks for."""

    challenge: Challenge
    payload: dict[str, object]

    def __repr__(self) -> str:
        # The payload holds the agreement's secret.
        return f"Credential(action={self.payload.get('action')!r})"

    def header(self) -> str:
        return f"Payment {encode_json({'challenge': self.challenge.json(), 'payload': self.payload})}"


def parse_credential(header: str) -> Credential:
    """:raises StreamError: ``credential-malformed``, ``credential-duplicate`` or ``method-unsupported``"""
    malformed = "credential-malformed"
    if len(header) > MAX_ENCODED + 64:
        raise StreamError(malformed, f"longer than {MAX_ENCODED} characters")
    if len([part for part in header.split(",") if re.match(r"\s*payment\s", part, re.I)]) > 1:
        raise StreamError("credential-duplicate", "the Authorization header holds more than one Payment credential")
    match = _CREDENTIAL.fullmatch(header.strip())
    if not match:
        raise StreamError(malformed, "not `Payment` followed by base64url without padding")
    fields = Fields(decode_json(match[1], malformed), malformed)
    if "source" in fields:
        fields.string("source", 512)
    echoed = fields.member("challenge")
    limits = {"id": 128, "realm": 256, "method": 64, "intent": 64}
    names = [name for name in (*_REQUIRED, *_OPTIONAL) if name in _REQUIRED or name in echoed]
    challenge = Challenge(**{name: echoed.string(name, limits.get(name, MAX_ENCODED)) for name in names})
    if challenge.id == "":
        echoed.fail("id", "a text")
    if (challenge.method, challenge.intent) != ("lightning", "stream"):
        raise StreamError("method-unsupported", 'only method="lightning" with intent="stream" is read here')
    return Credential(challenge, _read_payload(fields.member("payload").record))


def _read_payload(record: dict[str, object]) -> dict[str, object]:
    fields = Fields(record, "credential-malformed", "payload")
    action = record.get("action")
    if action == "accept":
        names = ["action", "nonce", "invoices"]
        fields.hex("nonce", 32)
        fields.amounts("invoices", 0, 16)
        if "bid" in fields:
            names.append("bid")
            _check_bid(fields.member("bid"))
    elif action in ("use", "watch", "invoices", "close", "return"):
        names = ["action", "agreement", "secret"]
        fields.hex("agreement", 32)
        fields.hex("secret", 64)
        if action == "invoices":
            fields.amounts("amounts", 1, 16)
            names.append("amounts")
            if "nonce" in fields:
                fields.hex("nonce", 32)
                names.append("nonce")
        if action == "close" and "paid" in fields:
            fields.amount("paid")
            names.append("paid")
        if action == "return":
            fields.string("invoice", 4096, re.compile(r"ln[0-9a-z]+", re.I | re.A))
            names.append("invoice")
    else:
        fields.fail("action", "accept, use, invoices, watch, close or return")
    return {name: record[name] for name in names}


def _check_bid(bid: Fields) -> None:
    bid.price("byte")
    if "credit" in bid:
        credit = bid.member("credit")
        credit.amount("start"), credit.amount("max"), credit.count("ramp")
    if "smallestPayment" in bid:
        bid.amount("smallestPayment")
