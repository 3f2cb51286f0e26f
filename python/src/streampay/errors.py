"""The one error of this package, and problem documents (RFC 9457), by which Stream's programs tell each other what failed."""

from __future__ import annotations

from collections.abc import Mapping

from .codes import CODES, RETRYABLE, SCHEME_CODES, SCHEME_TYPES

PROBLEM_TYPE = "application/problem+json"

_SCHEME = "https://paymentauth.org/problems/"
_OWN = "urn:streampay:problem:"
_MAX_TEXT = 2000
_MAX_DETAILS = 32
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "code", "hint", "retryable"})


class StreamError(Exception):
    """What went wrong, for a program to act on.

    >>> error = StreamError("budget-exhausted", "the budget of 5 sat is used up", {"paid": "5000"})
    >>> error.code, error.paid, error.retryable
    ('budget-exhausted', 5000, False)
    """

    code: str
    """Stable, see docs/errors.md: ``budget-exhausted``, ``price-too-high``, ``seller-unreachable``, …"""
    message: str
    hint: str
    """What can be done about it."""
    status: int
    """The HTTP status that goes with it."""
    retryable: bool
    """The same call may succeed later, and repeating it pays nothing twice."""
    details: dict[str, str]
    """Everything else that was told: amounts are decimal strings of msat."""

    def __init__(
        self,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        *,
        hint: str | None = None,
        status: int | None = None,
        retryable: bool | None = None,
    ) -> None:
        known_status, title, known_hint = CODES.get(code, (500, code, ""))
        super().__init__(message or title)
        self.code = code
        self.message = message or title
        self.hint = known_hint if hint is None else hint
        self.status = known_status if status is None else status
        self.retryable = code in RETRYABLE if retryable is None else retryable
        self.details = dict(details or {})

    @property
    def paid(self) -> int | None:
        """msat that were paid before it failed; ``None`` where nothing is known of any."""
        return self._amount("paid")

    @property
    def received(self) -> int | None:
        """msat's worth that was received for it; ``None`` where nothing is known of any."""
        return self._amount("received")

    @property
    def payment_hash(self) -> str | None:
        return self.details.get("paymentHash")

    @property
    def title(self) -> str:
        return CODES.get(self.code, (500, self.code, ""))[1]

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" + (f"\n  {self.hint}" if self.hint else "")

    def _amount(self, name: str) -> int | None:
        value = self.details.get(name, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else None

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self.code, self.message, self.details, self.hint, self.status, self.retryable))


def _restored(
    code: str, message: str, details: dict[str, str], hint: str, status: int, retryable: bool
) -> StreamError:
    return StreamError(code, message, details, hint=hint, status=status, retryable=retryable)


def to_problem(error: StreamError) -> dict[str, object]:
    """The body of an error answer."""
    scheme = SCHEME_TYPES.get(error.code)
    return {
        **{name: value for name, value in error.details.items() if name not in _RESERVED},
        "type": _OWN + error.code if scheme is None else _SCHEME + scheme,
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
        "retryable": error.retryable,
    }


def from_problem(document: object) -> StreamError | None:
    """Reads a problem document; ``None`` if it is none of Stream's and none of the `Payment` scheme's own types."""
    if not isinstance(document, dict):
        return None
    code = _code_of(document)
    if code is None:
        return None
    detail, hint, status, retryable = (document.get(name) for name in ("detail", "hint", "status", "retryable"))
    details = [(name, value) for name, value in document.items() if name not in _RESERVED and isinstance(value, str)]
    return StreamError(
        code,
        detail[:_MAX_TEXT] if isinstance(detail, str) else "",
        {name[:64]: value[:_MAX_TEXT] for name, value in details[:_MAX_DETAILS]},
        hint=hint[:_MAX_TEXT] if isinstance(hint, str) else None,
        status=status if isinstance(status, int) and 100 <= status <= 599 else None,
        retryable=retryable if isinstance(retryable, bool) else None,
    )


def _code_of(document: Mapping[str, object]) -> str | None:
    code, kind = document.get("code"), document.get("type")
    if isinstance(code, str):
        # A later version may know more codes: one with Stream's own type is taken as it is.
        if code in CODES or kind == _OWN + code:
            return code[:64]
    if isinstance(kind, str) and kind.startswith(_SCHEME):
        return SCHEME_CODES.get(kind[len(_SCHEME) :])
    return None
