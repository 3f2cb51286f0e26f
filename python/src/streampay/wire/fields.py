"""Members of a JSON object that someone else wrote: each is checked when it is read."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import StreamError
from ..money import Msat, parse_wire_msat
from ..price import Price
from .encoding import parse_time

NETWORKS = ("mainnet", "testnet", "signet", "regtest", "simnet")

_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}", re.A)
_HEX = re.compile(r"[0-9a-f]*", re.A)
_COUNT = re.compile(r"0|[1-9][0-9]{0,18}", re.A)


class Fields:
    """:raises StreamError: with the code that the reader was made for, naming the member"""

    def __init__(self, value: object, code: str, path: str = "") -> None:
        self._code, self._path = code, path
        if not isinstance(value, dict):
            raise StreamError(code, f"{path or 'the value'} is not a JSON object")
        self.record: dict[str, object] = value

    def __contains__(self, name: str) -> bool:
        return name in self.record

    def fail(self, name: str, must: str) -> NoReturn:
        raise StreamError(self._code, f"{self._name(name)} must be {must}")

    def member(self, name: str) -> Fields:
        return Fields(self.record.get(name), self._code, self._name(name))

    def string(self, name: str, most: int, pattern: re.Pattern[str] | None = None) -> str:
        value = self.record.get(name)
        if not isinstance(value, str) or len(value) > most or (pattern and not pattern.fullmatch(value)):
            self.fail(name, f"a text like {pattern.pattern}" if pattern else f"a text of at most {most} characters")
        return value

    def hex(self, name: str, digits: int) -> str:
        value = self.string(name, digits, _HEX)
        return value if len(value) == digits else self.fail(name, f"{digits} lowercase hex digits")

    def count(self, name: str) -> int:
        return int(self.string(name, 19, _COUNT))

    def amount(self, name: str) -> Msat:
        return self._amount(self.record.get(name), name)

    def amounts(self, name: str, least: int, most: int) -> list[Msat]:
        """None of them zero."""
        amounts = [self._amount(item, f"{name}[{i}]") for i, item in enumerate(self._array(name, least, most))]
        return amounts if all(amounts) else self.fail(name, "of amounts above zero")

    def strings(self, name: str, most: int, length: int) -> list[str]:
        items = [item for item in self._array(name, 0, most) if isinstance(item, str) and len(item) <= length]
        if len(items) < len(self._array(name, 0, most)):
            self.fail(name, f"of texts of at most {length} characters")
        return items

    def boolean(self, name: str) -> bool:
        value = self.record.get(name)
        return value if isinstance(value, bool) else self.fail(name, "true or false")

    def integer(self, name: str, most: int) -> int:
        value = self.record.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            self.fail(name, f"a whole number from 0 to {most}")
        return value

    def time_ms(self, name: str) -> int:
        at = parse_time(self.string(name, 40))
        return self.fail(name, "an RFC 3339 date-time") if at is None else at

    def network(self, name: str) -> str:
        value = self.string(name, 16)
        return value if value in NETWORKS else self.fail(name, "the name of a Bitcoin network")

    def public_key(self, name: str) -> str:
        return self.string(name, 66, _PUBLIC_KEY)

    def price(self, unit: str) -> Price:
        """Of ``amount`` and ``per``."""
        amount, per = self.amount("amount"), self.count("per")
        try:
            return Price(int(amount), per, unit)
        except StreamError as error:
            self.fail("amount, per and unitType", f"a price ({error.message})")

    def _array(self, name: str, least: int, most: int) -> list[object]:
        value = self.record.get(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            self.fail(name, f"an array of {least} to {most}")
        return value

    def _amount(self, value: object, name: str) -> Msat:
        try:
            return parse_wire_msat(value)
        except StreamError:
            self.fail(name, "a decimal string of msat")

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
