"""Calls of the daemon's API: what is sent, and how the answer is read. Blocking and asynchronous wallets share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx

from .daemon import API
from .errors import StreamError, from_problem
from .money import Msat, check_msat, format_amount, parse_wire_msat, to_msat
from .wire import parse_time

T = TypeVar("T")
Json = dict[str, object]


@dataclass(frozen=True)
class Call(Generic[T]):
    method: str
    path: str
    read: Callable[[Json], T]
    json: Json | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    safe: bool = False
    """May be repeated whatever became of it."""

    @property
    def url(self) -> str:
        return API + self.path


def read_answer(call: Call[T], response: httpx.Response) -> T:
    """:raises StreamError: what the daemon answered, or ``daemon-failed`` for an answer that is none"""
    if response.is_success and response.status_code == 204:
        return call.read({})
    try:
        body = response.json()
    except ValueError:
        body = None
    if not response.is_success:
        problem = from_problem(body)
        raise problem or StreamError("daemon-failed", f"the daemon answered {response.status_code} to {call.path}")
    if not isinstance(body, dict):
        raise StreamError("daemon-failed", f"the daemon's answer to {call.path} is no JSON object")
    try:
        return call.read(body)
    except (KeyError, TypeError, ValueError) as error:
        raise StreamError("daemon-failed", f"the daemon's answer to {call.path} lacks something: {error}") from error


def unreachable(error: Exception, call: Call[T]) -> StreamError:
    if isinstance(error, httpx.ConnectError):
        hint = "Nothing was sent. Start it again: `streampay proxy`."
        return StreamError("daemon-missing", f"the daemon does not answer: {error}", hint=hint, retryable=True)
    if call.safe:
        return StreamError("daemon-failed", f"the daemon broke off: {error}", retryable=True)
    hint = "It may have been done: look it up before you ask again. Paying the same invoice again pays nothing twice."
    return StreamError("daemon-failed", f"the daemon broke off: {error}", hint=hint, retryable=False)


@dataclass(frozen=True)
class Invoice:
    """To be paid by someone else."""

    invoice: str
    """The BOLT 11 text: give it to whoever pays."""
    payment_hash: str
    amount: Msat
    expires_at_ms: int | None

    def __str__(self) -> str:
        return self.invoice


@dataclass(frozen=True)
class InvoiceState:
    payment_hash: str
    status: str
    """``open``, ``settled`` or ``expired``"""
    amount: Msat | None
    received: Msat | None

    @property
    def is_paid(self) -> bool:
        return self.status == "settled"


@dataclass(frozen=True)
class Payment:
    payment_hash: str
    status: str
    """``settled``, ``failed``, ``pending`` or ``unknown``: the last two count as spent"""
    amount: Msat | None
    fee: Msat | None
    preimage: str | None

    @property
    def is_settled(self) -> bool:
        return self.status == "settled"


@dataclass(frozen=True)
class Balance:
    sendable: Msat
    receivable: Msat


@dataclass(frozen=True)
class Status:
    version: str
    url: str
    network: str
    public_key: str | None
    alias: str | None
    caller: str
    is_owner: bool


def _optional_msat(body: Json, name: str) -> Msat | None:
    return None if body.get(name) is None else parse_wire_msat(body[name])


def _text(body: Json, name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _optional_text(body: Json, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _objects(body: Json, name: str) -> list[Json]:
    value = body[name]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{name} is no list of objects")
    return value


def _time_ms(value: object) -> int | None:
    """As text (RFC 3339) or as milliseconds."""
    if isinstance(value, int):
        return value
    return parse_time(value) if isinstance(value, str) else None


def _amount(amount: str | int) -> str:
    return f"{int(to_msat(amount))} msat"


def amount_of(sat: int | None, amount: str | int | None, msat: int | None) -> Msat:
    """The one that was given of the three ways to say an amount."""
    given = [value for value in (sat, amount, msat) if value is not None]
    if len(given) != 1:
        raise StreamError("amount-invalid", "give one of sat=21, msat=21000 or amount='21 sat'")
    if sat is not None:
        if isinstance(sat, bool) or not isinstance(sat, int):
            raise StreamError("amount-invalid", f"sat={sat!r} is no whole number: amount='0.5 sat' takes a part of one")
        return check_msat(sat * 1000)
    return to_msat(msat if msat is not None else amount if amount is not None else 0)


def _whole(body: Json) -> Json:
    return body


def status() -> Call[Status]:
    def read(body: Json) -> Status:
        node, caller = body["node"], body["caller"]
        if not isinstance(node, dict) or not isinstance(caller, dict):
            raise ValueError("node and caller are objects")
        return Status(
            _text(body, "version"),
            _text(body, "url"),
            _text(node, "network"),
            _optional_text(node, "publicKey"),
            _optional_text(node, "alias"),
            _text(caller, "name"),
            caller.get("owner") is True,
        )

    return Call("GET", "/status", read, safe=True)


def balance() -> Call[Balance]:
    def read(body: Json) -> Balance:
        return Balance(parse_wire_msat(body["sendable"]), parse_wire_msat(body["receivable"]))

    return Call("GET", "/balance", read, safe=True)


def create_invoice(amount: Msat, description: str | None, expires_in_s: int | None) -> Call[Invoice]:
    body: Json = {"amount": _amount(amount)}
    if description is not None:
        body["description"] = description
    if expires_in_s is not None:
        body["expiresInS"] = expires_in_s

    def read(body: Json) -> Invoice:
        at = _time_ms(body.get("expiresAt"))
        return Invoice(_text(body, "invoice"), _text(body, "paymentHash"), parse_wire_msat(body["amount"]), at)

    return Call("POST", "/invoices", read, body)


def look_up_invoice(payment_hash: str) -> Call[InvoiceState]:
    def read(body: Json) -> InvoiceState:
        amount, received = _optional_msat(body, "amount"), _optional_msat(body, "received")
        return InvoiceState(_text(body, "paymentHash"), _text(body, "status"), amount, received)

    return Call("GET", f"/invoices/{quote(payment_hash, safe='')}", read, safe=True)


def _read_payment(body: Json) -> Payment:
    amount, fee = _optional_msat(body, "amount"), _optional_msat(body, "fee")
    return Payment(_text(body, "paymentHash"), _text(body, "status"), amount, fee, _optional_text(body, "preimage"))


def pay(
    invoice: str, amount: str | int | None, most: str | int | None, max_fee: str | int | None
) -> Call[Payment]:
    body: Json = {"invoice": invoice}
    for name, value in (("amount", amount), ("max", most), ("maxFee", max_fee)):
        if value is not None:
            body[name] = _amount(value)
    # Never twice for one invoice: a repeat answers with what became of it.
    return Call("POST", "/payments", _read_payment, body, safe=True)


def look_up_payment(payment_hash: str) -> Call[Payment]:
    return Call("GET", f"/payments/{quote(payment_hash, safe='')}", _read_payment, safe=True)


def decode(text: str) -> Call[Json]:
    return Call("POST", "/decode", _whole, {"text": text}, safe=True)


def offers(url: str, method: str | None) -> Call[Json]:
    return Call("POST", "/offers", _whole, {"url": url, **({"method": method} if method else {})}, safe=True)


def agreements(status: str | None) -> Call[list[Json]]:
    params = {"status": status} if status else {}
    return Call("GET", "/agreements", lambda body: _objects(body, "agreements"), params=params, safe=True)


def close_agreement(agreement: str) -> Call[Json]:
    return Call("POST", f"/agreements/{quote(agreement, safe='')}/close", _whole, safe=True)


def statement(agreement: str) -> Call[Json]:
    return Call("GET", f"/agreements/{quote(agreement, safe='')}/statement", _whole, safe=True)


def history(since: str | None, limit: int | None) -> Call[list[Json]]:
    params = {**({"since": since} if since else {}), **({"limit": str(limit)} if limit is not None else {})}
    return Call("GET", "/history", lambda body: _objects(body, "payments"), params=params, safe=True)


def budgets() -> Call[Json]:
    return Call("GET", "/budgets", _whole, safe=True)


def set_budget(limit: str, amount: str | int | None, at: str | None) -> Call[Json]:
    body: Json = {"limit": limit, "amount": None if amount is None else format_amount(to_msat(amount))}
    return Call("PUT", "/budgets", _whole, {**body, **({"at": at} if at else {})}, safe=True)


def callers() -> Call[list[Json]]:
    return Call("GET", "/callers", lambda body: _objects(body, "callers"), safe=True)


def add_caller(
    name: str,
    most: str | int | None,
    per_day: str | int | None,
    hosts: Mapping[str, str | int | None] | None,
    max_price: str | None,
    ahead: str | int | None,
    max_risk: str | int | None = None,
) -> Call[str]:
    body: Json = {"name": name}
    for member, value in (("max", most), ("perDay", per_day), ("ahead", ahead), ("maxRisk", max_risk)):
        if value is not None:
            body[member] = _amount(value)
    if max_price is not None:
        body["maxPrice"] = max_price
    if hosts is not None:
        body["hosts"] = {host: None if value is None else _amount(value) for host, value in hosts.items()}
    return Call("POST", "/callers", lambda answer: _text(answer, "token"), body)


def remove_caller(name: str) -> Call[Json]:
    return Call("DELETE", f"/callers/{quote(name, safe='')}", _whole, safe=True)
