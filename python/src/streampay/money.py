"""Money: whole millisatoshi, read and printed as people write them. No float touches an amount."""

from __future__ import annotations

import re
from fractions import Fraction

from .errors import StreamError

#: 21 million BTC.
MAX_MSAT = 2_100_000_000_000_000_000

_SCALE = {"msat": 1, "sat": 1000, "sats": 1000, "btc": 100_000_000_000}
_AMOUNT = re.compile(r"(\d{1,3}(?:[ _]\d{3}){1,6}|\d{1,19})(?:\.(\d{1,11}))? ?(msat|sats?|btc)", re.I | re.A)
_WIRE = re.compile(r"0|[1-9][0-9]{0,18}", re.A)


class Msat(int):
    """An amount in millisatoshi. It is an ``int``, and prints as people write it.

    >>> Msat(21000), str(Msat(21000)), Msat(21000) + 1
    (Msat(21000), '21 sat', 21001)
    """

    def __str__(self) -> str:
        return format_amount(self)

    def __format__(self, spec: str) -> str:
        return format(str(self) if spec == "" else int(self), spec)

    def __repr__(self) -> str:
        return f"Msat({int(self)})"

    @property
    def sat(self) -> Fraction:
        """The same in satoshi, exactly."""
        return Fraction(int(self), 1000)


def check_msat(value: int) -> Msat:
    """:raises StreamError: ``amount-out-of-range``"""
    if isinstance(value, bool) or not 0 <= value <= MAX_MSAT:
        raise StreamError("amount-out-of-range", f"{value} msat is not between 0 and 21 million BTC")
    return Msat(value)


def parse_amount(text: str) -> Msat:
    """Reads "10 sat", "10sat", "1 500 msat", "0.5 sat", "0.001 BTC".

    :raises StreamError: ``amount-invalid`` (also for a fraction of a msat), ``amount-out-of-range``

    >>> int(parse_amount("0.5 sat"))
    500
    """
    match = _AMOUNT.fullmatch(text.strip())
    # A capital M is how people write a million: "5 Msat" must not become five thousandths of a sat.
    if not match or match[3].startswith("M"):
        raise StreamError("amount-invalid", f'"{text[:60]}" is not an amount')
    fraction = match[2] or ""
    scaled = int(re.sub("[ _]", "", match[1]) + fraction) * _SCALE[match[3].lower()]
    amount, rest = divmod(scaled, 10 ** len(fraction))
    if rest:
        raise StreamError("amount-invalid", f'"{text}" is not a whole number of msat')
    return check_msat(amount)


def to_msat(amount: str | int) -> Msat:
    """An amount as an argument takes it: a text with its unit, or an int of msat."""
    if isinstance(amount, str):
        return parse_amount(amount)
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise StreamError("amount-invalid", f"{amount!r} is neither a text such as '10 sat' nor a whole number of msat")
    return check_msat(amount)


def parse_wire_msat(value: object) -> Msat:
    """Reads an amount as the wire carries it: decimal digits of msat, no sign, no leading zero."""
    if not isinstance(value, str) or not _WIRE.fullmatch(value):
        raise StreamError("amount-invalid", "an amount on the wire is a decimal string of msat")
    return check_msat(int(value))


def format_amount(amount: int) -> str:
    """Prints an amount exactly; :func:`parse_amount` reads it back.

    >>> format_amount(1_950_000_500)
    '1 950 000.5 sat'
    """
    amount = int(amount)
    if amount < 0:
        return f"-{format_amount(-amount)}"
    if 0 < amount < 1000:
        return f"{amount} msat"
    whole, rest = divmod(amount, 1000)
    fraction = f"{rest:03}".rstrip("0")
    return f"{whole:,}".replace(",", " ") + (f".{fraction}" if fraction else "") + " sat"
