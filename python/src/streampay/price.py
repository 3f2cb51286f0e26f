"""Prices: exact, for so many steps of a unit; and tariffs of several (spec sections 1 and 1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from .errors import StreamError
from .money import MAX_MSAT, Msat, check_msat, format_amount, parse_amount

#: The most steps that one price may name.
MAX_PER = 10**15

_UNIT = re.compile(r"[a-z][a-z0-9-]{0,31}", re.A)
_PRICE = re.compile(r"(.{1,40}?) ?(?:/|\bper\b) ?(?:(\d{1,16}) ?([kKmM])? )?([a-zA-Z][a-zA-Z0-9-]{0,32})", re.A)
_COMPACT = re.compile(r"(.{1,40}?) ?(?:/|\bper\b) ?(\d{1,16})([a-zA-Z][a-zA-Z0-9-]{0,32})", re.A)
_MULTIPLES = {"": 1, "k": 1000, "m": 1_000_000}


def _measures() -> dict[str, tuple[str, int]]:
    times = {"ms": 1, "s": 1000, "sec": 1000, "second": 1000}
    times |= {"min": 60_000, "minute": 60_000, "h": 3_600_000, "hour": 3_600_000}
    sizes = {"b": 1, "byte": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
    return {
        **{name: ("byte", steps) for name, steps in sizes.items()},
        **{name: ("second", steps) for name, steps in times.items()},
        **{f"play-{name}": ("play-second", steps) for name, steps in times.items()},
        **{name: ("token", 1) for name in ("tok", "token")},
        **{name: ("request", 1) for name in ("req", "request", "call")},
    }


_MEASURES = _measures()
_PRINTED = {
    "byte": [("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6), ("KiB", 2**10), ("kB", 1000), ("byte", 1)],
    "second": [("hour", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)],
    "play-second": [("play-hour", 3_600_000), ("play-min", 60_000), ("play-second", 1000), ("play-ms", 1)],
}


def _invalid(detail: str) -> StreamError:
    return StreamError("price-invalid", detail)


@dataclass(frozen=True)
class Price:
    """``msat`` for every ``per`` steps of ``unit``: seconds are counted in milliseconds, everything else in ones.

    >>> Price.parse("10 sat/s"), str(Price.parse("1 sat/1k tokens"))
    (Price(msat=10000, per=1000, unit='second'), '1 sat/1k tokens')
    """

    msat: int
    per: int
    unit: str

    def __post_init__(self) -> None:
        if not 0 <= self.msat <= MAX_MSAT:
            raise _invalid("a price lies between 0 and 21 million BTC")
        if not 1 <= self.per <= MAX_PER:
            raise _invalid(f"a price is for 1 to {MAX_PER} steps of its unit")
        if not _UNIT.fullmatch(self.unit):
            raise _invalid(f'"{self.unit[:40]}" is not the name of a unit')
        # A unit called "mb" would look like megabytes to a person, and count whatever its seller says.
        known = _find_measure(self.unit) or _MEASURES.get(f"{self.unit}s")
        if known and known[0] != self.unit:
            raise _invalid(f'"{self.unit}" is too close to a name for counting in {known[0]}')

    @staticmethod
    def parse(text: str) -> Price:
        """Reads "1 sat/MiB", "250 msat/s", "1 sat/1k tokens", "5 sat per image".

        :raises StreamError: ``price-invalid``, ``amount-invalid``, ``amount-out-of-range``
        """
        trimmed = text.strip()
        match = _PRICE.fullmatch(trimmed)
        parts = match.groups() if match else _split_compact(trimmed)
        if parts is None:
            raise _invalid(f'"{text[:60]}" is not a price')
        amount, count, multiple, name = parts
        steps = int(count or "1") * _MULTIPLES[(multiple or "").lower()]
        unit, each = _find_measure(name.lower()) or (_singular(name.lower(), steps), 1)
        return Price(int(parse_amount(amount)), steps * each, unit)

    def cost_down(self, steps: int) -> Msat:
        """What a seller may charge for so many steps."""
        return check_msat(steps * self.msat // self.per)

    def cost_up(self, steps: int) -> Msat:
        """What must be covered before the last of so many steps leaves."""
        return check_msat(-(-steps * self.msat // self.per))

    def steps_for(self, amount: int) -> int | None:
        """The most steps that an amount covers; ``None`` for a price of zero, which has no limit."""
        if self.msat == 0:
            return None
        return max(0, amount) * self.per // self.msat

    def compare(self, other: Price) -> int:
        """-1, 0 or 1 as this price is below, at or above the other, exactly.

        :raises StreamError: ``unit-mismatch``
        """
        if self.unit != other.unit:
            raise StreamError("unit-mismatch", f"a price per {self.unit} cannot be compared to one per {other.unit}")
        difference = self.msat * other.per - other.msat * self.per
        return (difference > 0) - (difference < 0)

    def __str__(self) -> str:
        return f"{format_amount(self.msat)}/{_format_steps(self.per, self.unit)}"


def _split_compact(text: str) -> tuple[str, str | None, str | None, str] | None:
    """ "10MiB", "5ms", "1ktokens": a known measure wins over a multiple, so that 5ms are milliseconds."""
    match = _COMPACT.fullmatch(text)
    if not match:
        return None
    amount, count, name = match.groups()
    rest = name[1:]
    multiple = not _find_measure(name.lower()) and name[0] in "kKmM" and _find_measure(rest.lower()) is not None
    return (amount, count, name[0], rest) if multiple else (amount, count, None, name)


def _find_measure(name: str) -> tuple[str, int] | None:
    return _MEASURES.get(name) or (_MEASURES.get(name[:-1]) if name.endswith("s") else None)


def _singular(name: str, steps: int) -> str:
    return name[:-1] if steps > 1 and name.endswith("s") else name


def _format_steps(per: int, unit: str) -> str:
    for name, steps in _PRINTED.get(unit, []):
        if per % steps == 0:
            return name if per == steps else f"{per // steps} {name}"
    if per == 1:
        return unit
    for steps, letter in ((1_000_000, "M"), (1000, "k")):
        if per % steps == 0:
            return f"{per // steps}{letter} {unit}s"
    return f"{per} {unit}s"


@dataclass(frozen=True)
class Counts:
    """What one request counted: steps of each charge's unit, ``extra`` in msat."""

    upload: int = 0
    input: int = 0
    output: int = 0
    extra: int = 0


@dataclass(frozen=True)
class Tariff:
    """What an answer costs where more than one thing is counted (spec section 1.1). Amounts in msat."""

    request: int | None = None
    upload: Price | None = None
    input: Price | None = None
    output: Price | None = None
    minimum: int | None = None
    extra: int | None = None

    def __post_init__(self) -> None:
        wanted = {"upload": "byte", "input": "token"}
        for name, price in self._prices():
            flat = price.unit in ("request", "msat")
            if price.unit != wanted.get(name, price.unit) or (name == "output" and flat):
                raise _invalid(f"{name} cannot be priced by the {price.unit}")
        amounts = [amount for amount in (self.request, self.minimum, self.extra) if amount is not None]
        for amount in amounts:
            check_msat(amount)
        if not any(amounts) and not any(price.msat for _, price in self._prices()):
            raise _invalid("a tariff charges for something")

    def _prices(self) -> list[tuple[str, Price]]:
        return [(field.name, value) for field in fields(self) if isinstance(value := getattr(self, field.name), Price)]

    def cost(self, counts: Counts) -> Msat:
        """What a request comes to: each charge rounded down on its total, and never less than the minimum."""
        total = (self.request or 0) + counts.extra
        for name, price in self._prices():
            total += getattr(counts, name) * price.msat // price.per
        return Msat(min(max(total, self.minimum or 0), MAX_MSAT))

    def same(self, other: Tariff | None) -> bool:
        """As rationals: 2 msat for 2 steps are 1 msat for 1, and what is absent costs nothing."""
        return other is not None and self._key() == other._key()

    def _key(self) -> tuple[object, ...]:
        return (
            *(amount or 0 for amount in (self.request, self.minimum, self.extra)),
            *(_rate(price) for price in (self.upload, self.input)),
            *((None, None) if self.output is None else (_rate(self.output), self.output.unit)),
        )

    def __str__(self) -> str:
        charges = [] if self.request is None else [f"{format_amount(self.request)}/request"]
        charges += [_named(self.upload, "uploaded")] if self.upload else []
        charges += [_named(self.input, "input")] if self.input else []
        if self.output:
            named = self.input is not None and self.output.unit == "token"
            charges.append(_named(self.output, "output") if named else str(self.output))
        bounds = [] if self.minimum is None else [f"at least {format_amount(self.minimum)}/request"]
        if self.extra is not None:
            bounds.append(f"up to {format_amount(self.extra)}/request more as the seller says")
        return ", ".join(part for part in (" + ".join(charges), *bounds) if part)


def _rate(price: Price | None) -> tuple[int, int]:
    from fractions import Fraction

    if price is None:
        return (0, 1)
    rate = Fraction(price.msat, price.per)
    return (rate.numerator, rate.denominator)


def _named(price: Price, word: str) -> str:
    text = str(price)
    at = max(text.rfind(" "), text.rfind("/")) + 1
    return f"{text[:at]}{word} {text[at:]}"


def check_price(price: str | Mapping[str, str]) -> str | dict[str, str]:
    """A price as a seller writes it, or several charges: as the gateway's configuration takes them (docs/gateway.md).

    :raises StreamError: ``price-invalid``, ``amount-invalid``
    """
    if isinstance(price, str):
        if price != "free":
            Price.parse(price)
        return price
    unknown = set(price) - {field.name for field in fields(Tariff)}
    if unknown or not price:
        raise _invalid(f"a tariff has {', '.join(field.name for field in fields(Tariff))}, not {', '.join(unknown)}")
    for name, text in price.items():
        if name in ("upload", "input", "output"):
            Price.parse(text)
        else:
            parse_amount(text)
    return dict(price)
