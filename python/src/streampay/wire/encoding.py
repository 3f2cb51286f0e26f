"""Canonical JSON, base64url and times, as Stream's headers and statements have them (spec, beginning of "The `stream` intent")."""

from __future__ import annotations

import base64
import binascii
import calendar
import json
import math
import re
from datetime import datetime, timezone

from ..errors import StreamError

#: The longest encoded JSON that is read, in characters.
MAX_ENCODED = 8192

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.A)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.I | re.A)


def canonical_json(value: object) -> str:
    """RFC 8785, for what Stream signs and hashes: texts, whole numbers, truth values, lists and objects.

    >>> canonical_json({"b": 1, "a": "€"})
    '{"a":"€","b":1}'
    """
    if isinstance(value, dict):
        # The order is that of UTF-16 code units, which differs from that of code points above U+FFFF.
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical_json(name)}:{canonical_json(value[name])}" for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical_json(item) for item in value) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise StreamError("internal", "no fraction and no number beyond 2^53 is written as canonical JSON")
    if isinstance(value, str) and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise StreamError("internal", "a lone surrogate cannot be written as canonical JSON")
    return json.dumps(value, ensure_ascii=False)


def encode_json(value: object) -> str:
    """Canonical JSON, UTF-8, base64url without padding: how JSON travels inside parameters and headers."""
    return encode_base64url(canonical_json(value).encode())


def encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes | None:
    """Strict: ``None`` for padding, any character outside the alphabet, or stray bits at the end."""
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return data if encode_base64url(data) == text else None


def decode_json(text: str, code: str) -> object:
    """Reads what :func:`encode_json` writes, canonical or not.

    :param code: what a text that cannot be read is called
    """
    if len(text) > MAX_ENCODED:
        raise StreamError(code, f"longer than {MAX_ENCODED} characters")
    data = decode_base64url(text)
    if not data:
        raise StreamError(code, "not base64url without padding")
    try:
        value: object = json.loads(data.decode("utf-8"), parse_constant=_refuse)
        return value
    except (ValueError, RecursionError) as error:
        raise StreamError(code, "not JSON in UTF-8") from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def parse_time(text: str) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 date-time, or ``None``. What is beyond milliseconds is dropped."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    if not 1 <= month <= 12 or year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    zone = match[8].upper()
    offset = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
    if zone != "Z" and (int(zone[1:3]) > 23 or int(zone[4:6]) > 59):
        return None
    seconds = calendar.timegm((year, month, day, hour, minute, second)) - offset * 60
    return seconds * 1000 + int((match[7] or ".0")[1:4].ljust(3, "0"))


def format_time(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, the one form in which Stream writes times."""
    seconds = math.floor(ms / 1000)
    at = datetime.fromtimestamp(seconds, timezone.utc)
    return at.strftime(f"%Y-%m-%dT%H:%M:%S.{ms - seconds * 1000:03}Z")
