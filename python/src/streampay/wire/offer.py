"""Offers and agreements (spec sections 2 and 3): what is asked, and what both accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import StreamError
from ..money import Msat
from ..price import Price, Tariff
from .encoding import decode_json, format_time
from .fields import Fields

_SCOPE = re.compile(r"[!-~]+", re.A)
_MSAT = re.compile("msat")
_UNSIGNED = re.compile("unsigned")
_TARIFF = ("request", "upload", "input", "output", "minimum", "extra")
_MAX_INVOICES = 16
_MAX_INVOICE_LENGTH = 4096


@dataclass(frozen=True)
class Credit:
    """How much is delivered unpaid, in msat: with a ``ramp`` of n it grows by one n-th of what was paid."""

    start: int
    max: int
    ramp: int

    def at(self, paid: int) -> Msat:
        """The credit of an agreement that has paid so much."""
        return Msat(min(self.max, self.start + (paid // self.ramp if self.ramp else 0)))

    def within(self, other: Credit) -> bool:
        """Whether this is never more than the other, whatever was paid."""
        start, other_start = min(self.start, self.max), min(other.start, other.max)
        most = self.max if self.ramp else start
        if most <= other_start:
            return True
        return start <= other_start and most <= other.max and other.ramp != 0 and self.ramp >= other.ramp


@dataclass(frozen=True)
class Terms:
    price: Price
    credit: Credit
    smallest_payment: Msat
    tariff: Tariff | None
    network: str
    payee: str
    """Public key of the seller's node."""
    unsigned: bool
    """The seller's wallet cannot sign: the closing statement will carry no signature."""
    scope: str


@dataclass(frozen=True)
class Offer(Terms):
    negotiable: bool
    round: int

    @property
    def asked(self) -> str:
        """The price for people, or the tariff where there is one."""
        return str(self.tariff or self.price)


@dataclass(frozen=True)
class Agreement(Terms):
    id: str
    expires_at_ms: int


@dataclass(frozen=True)
class AcceptedAgreement:
    """The answer to `accept`."""

    agreement: Agreement
    secret: str
    """Whoever has it may use and close the agreement."""
    invoices: tuple[str, ...]

    def __repr__(self) -> str:
        return f"AcceptedAgreement(agreement={self.agreement!r}, secret=…, invoices={len(self.invoices)})"


def _decode_tariff(fields: Fields, unit: str) -> Tariff | None:
    if "tariff" not in fields:
        return None
    if unit != "msat":
        fields.fail("unitType", "msat, where there is a tariff")
    json = fields.member("tariff")
    # What it names is all that may be charged: a member that a later version may bring is not to be passed over.
    if set(json.record) - set(_TARIFF):
        fields.fail("tariff", f"of {', '.join(_TARIFF)} and nothing else")

    def charge(name: str, unit: str | None) -> Price | None:
        if name not in json:
            return None
        member = json.member(name)
        return member.price(member.string("unitType", 32) if unit is None else unit)

    def amount(name: str) -> int | None:
        return int(json.amount(name)) if name in json else None

    parts = (amount("request"), charge("upload", "byte"), charge("input", "token"), charge("output", None))
    bounds = (amount("minimum"), amount("extra"))
    try:
        return Tariff(*parts, *bounds)
    except StreamError as error:
        fields.fail("tariff", f"a tariff ({error.message})")


def _terms(fields: Fields) -> tuple[Price, Credit, Msat, Tariff | None, str, str, bool, str]:
    fields.string("currency", 4, _MSAT)
    unit = fields.string("unitType", 32)
    price = fields.price(unit)
    credit = fields.member("credit")
    details = fields.member("methodDetails")
    unsigned = "statements" in details and details.string("statements", 8, _UNSIGNED) != ""
    return (
        price,
        Credit(int(credit.amount("start")), int(credit.amount("max")), credit.count("ramp")),
        fields.amount("smallestPayment"),
        _decode_tariff(fields, unit),
        details.network("network"),
        details.public_key("payee"),
        unsigned,
        fields.string("scope", 256, _SCOPE),
    )


def decode_offer(request: str) -> Offer:
    """Reads the ``request`` parameter of a challenge.

    :raises StreamError: ``challenge-malformed``, naming the member
    """
    return read_offer(decode_json(request, "challenge-malformed"))


def read_offer(json: object) -> Offer:
    fields = Fields(json, "challenge-malformed")
    return Offer(*_terms(fields), fields.boolean("negotiable"), fields.integer("round", 99))


def read_agreement(json: object) -> AcceptedAgreement:
    """Reads the answer to `accept`. Whether it is what was accepted is for :func:`differing_terms` to say.

    :raises StreamError: ``seller-failed``, naming the member
    """
    fields = Fields(json, "seller-failed")
    agreement = Agreement(*_terms(fields), fields.hex("agreement", 32), fields.time_ms("expires"))
    invoices = fields.strings("invoices", _MAX_INVOICES, _MAX_INVOICE_LENGTH)
    return AcceptedAgreement(agreement, fields.hex("secret", 64), tuple(invoices))


def differing_terms(offer: Offer, agreement: Agreement) -> list[str]:
    """Names what differs between an offer and the agreement on it. Prices are compared as rationals."""
    same_unit = offer.price.unit == agreement.price.unit
    tariffs = offer.tariff.same(agreement.tariff) if offer.tariff else agreement.tariff is None
    same = {
        "unit": same_unit,
        "price": not same_unit or offer.price.compare(agreement.price) == 0,
        "credit": offer.credit == agreement.credit,
        "smallestPayment": offer.smallest_payment == agreement.smallest_payment,
        "payee": offer.payee == agreement.payee,
        "network": offer.network == agreement.network,
        "statements": offer.unsigned == agreement.unsigned,
        "scope": offer.scope == agreement.scope,
        "tariff": tariffs,
    }
    return [name for name, equal in same.items() if not equal]


def _price_json(price: Price) -> dict[str, str]:
    return {"amount": str(int(price.msat)), "per": str(price.per)}


def _terms_json(terms: Terms) -> dict[str, object]:
    json: dict[str, object] = {
        **_price_json(terms.price),
        "currency": "msat",
        "unitType": terms.price.unit,
        "credit": {name: str(int(getattr(terms.credit, name))) for name in ("start", "max", "ramp")},
        "smallestPayment": str(int(terms.smallest_payment)),
        "scope": terms.scope,
        "methodDetails": {
            "network": terms.network,
            "payee": terms.payee,
            **({"statements": "unsigned"} if terms.unsigned else {}),
        },
    }
    if terms.tariff:
        tariff: dict[str, object] = {}
        for name in _TARIFF:
            value = getattr(terms.tariff, name)
            if isinstance(value, Price):
                tariff[name] = {**_price_json(value), **({"unitType": value.unit} if name == "output" else {})}
            elif value is not None:
                tariff[name] = str(int(value))
        json["tariff"] = tariff
    return json


def offer_json(offer: Offer) -> dict[str, object]:
    """``encode_json(offer_json(offer))`` is the ``request`` parameter of a challenge."""
    return {**_terms_json(offer), "negotiable": offer.negotiable, "round": offer.round}


def agreement_json(accepted: AcceptedAgreement) -> dict[str, object]:
    agreement = accepted.agreement
    return {
        "agreement": agreement.id,
        "secret": accepted.secret,
        **_terms_json(agreement),
        "expires": format_time(agreement.expires_at_ms),
        "invoices": list(accepted.invoices),
    }
