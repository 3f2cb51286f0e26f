"""Statements and receipts (spec sections 4 and 5). Their signatures are for the daemon to check: that takes a curve."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import StreamError
from ..money import Msat
from ..price import Price
from .encoding import canonical_json, decode_json, encode_json, format_time
from .fields import Fields
from .offer import Agreement

_STATE = re.compile("open|paused|closed")
_TRUE = re.compile("true")
_SUCCESS = re.compile("success")
_KNOWN = frozenset(
    "agreement sequence unitType amount per steps delivered paid returned balance state due at payee network"
    " unsigned signature".split()
)


@dataclass(frozen=True)
class Statement:
    """What was delivered and paid on an agreement so far, as the seller says. Amounts in msat."""

    agreement: str
    sequence: int
    price: Price
    steps: int
    delivered: Msat
    paid: Msat
    returned: Msat
    balance: Msat
    state: str
    """``open``, ``paused`` or ``closed``"""
    due: Msat
    """What must still be paid before the next step can leave."""
    at_ms: int
    payee: str
    network: str
    unsigned: bool = False
    signature: str | None = None
    further: dict[str, str] = field(default_factory=dict)
    """Members that this version does not know: the signature covers them."""

    def json(self) -> dict[str, str]:
        amounts = ("steps", "delivered", "paid", "returned", "balance", "due", "sequence")
        return {
            **self.further,
            **{name: str(int(getattr(self, name))) for name in amounts},
            "agreement": self.agreement,
            "unitType": self.price.unit,
            "amount": str(int(self.price.msat)),
            "per": str(self.price.per),
            "state": self.state,
            "at": format_time(self.at_ms),
            "payee": self.payee,
            "network": self.network,
            **({"unsigned": "true"} if self.unsigned else {}),
            **({} if self.signature is None else {"signature": self.signature}),
        }

    def signing_text(self) -> str:
        """What a closing statement's signature is over: its canonical JSON without ``signature``."""
        json = self.json()
        json.pop("signature", None)
        return canonical_json(json)

    def check_sums(self) -> None:
        """:raises StreamError: ``statement-invalid`` where it does not add up"""
        wrong = None
        if self.steps * self.price.msat // self.price.per != self.delivered:
            wrong = "delivered is not the cost of its steps"
        elif self.returned > self.paid:
            wrong = "more was returned than paid"
        elif self.balance != max(0, self.paid - self.delivered - self.returned):
            wrong = "balance is not paid - delivered - returned"
        elif self.due > 0 and self.state != "paused":
            wrong = "something is due though nothing is paused"
        if wrong:
            raise StreamError("statement-invalid", wrong)

    def check(self, agreement: Agreement) -> None:
        """:raises StreamError: ``statement-invalid`` where it does not add up, or is another agreement's"""
        same = {
            "agreement": self.agreement == agreement.id,
            "payee": self.payee == agreement.payee,
            "network": self.network == agreement.network,
            "unitType": self.price.unit == agreement.price.unit,
            "price": self.price.msat * agreement.price.per == agreement.price.msat * self.price.per,
            "unsigned": agreement.unsigned or not self.unsigned,
        }
        for name, equal in same.items():
            if not equal:
                raise StreamError("statement-invalid", f"the statement's {name} is not the agreement's")
        self.check_sums()


def read_statement(json: object) -> Statement:
    """:raises StreamError: ``statement-invalid``, naming the member"""
    fields = Fields(json, "statement-invalid")
    at_ms = fields.time_ms("at")
    # The signature is over canonical JSON made again from these values: a time written otherwise would not come out the same.
    if format_time(at_ms) != fields.record["at"]:
        fields.fail("at", "in UTC with milliseconds")
    names = [name for name in fields.record if name not in _KNOWN]
    if len(names) > 16:
        raise StreamError("statement-invalid", "too many members")
    return Statement(
        agreement=fields.hex("agreement", 32),
        sequence=fields.count("sequence"),
        price=fields.price(fields.string("unitType", 32)),
        steps=fields.count("steps"),
        delivered=fields.amount("delivered"),
        paid=fields.amount("paid"),
        returned=fields.amount("returned"),
        balance=fields.amount("balance"),
        state=fields.string("state", 6, _STATE),
        due=fields.amount("due"),
        at_ms=at_ms,
        payee=fields.public_key("payee"),
        network=fields.network("network"),
        unsigned="unsigned" in fields and fields.string("unsigned", 4, _TRUE) != "",
        signature=fields.string("signature", 200) if "signature" in fields else None,
        further={name: fields.string(name, 1024) for name in names},
    )


@dataclass(frozen=True)
class Receipt:
    """What a `Payment-Receipt` header says; ``reference`` is the agreement's id."""

    method: str
    reference: str
    timestamp_ms: int

    def header(self) -> str:
        timestamp = format_time(self.timestamp_ms)
        return encode_json(
            {"method": self.method, "reference": self.reference, "status": "success", "timestamp": timestamp}
        )


def parse_receipt(header: str) -> Receipt:
    """:raises StreamError: ``seller-failed``"""
    fields = Fields(decode_json(header, "seller-failed"), "seller-failed", "Payment-Receipt")
    fields.string("status", 7, _SUCCESS)
    return Receipt(fields.string("method", 64), fields.string("reference", 256), fields.time_ms("timestamp"))
