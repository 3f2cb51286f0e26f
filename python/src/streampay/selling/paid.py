"""`@paid` and `paid_app`: what is sold, at which price."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from ..errors import StreamError
from ..money import parse_amount
from ..price import Price, check_price
from .bridge import AsgiOfWsgi
from .door import KEY_HEADER, refusal
from .functions import AsgiFunction, Receive, Scope, Send, WsgiFunction, _send_whole, _start_whole

P = ParamSpec("P")
R = TypeVar("R")
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Terms:
    """What a route of the gateway says of something sold (docs/gateway.md)."""

    price: str | dict[str, str]
    credit: str | None = None
    smallest_payment: str | None = None
    grace: str | None = None
    free: str | None = None
    methods: tuple[str, ...] | None = None
    description: str | None = None
    title: str | None = None

    @staticmethod
    def of(price: str | Mapping[str, str], options: Mapping[str, Any]) -> Terms:
        unknown = set(options) - set(Terms.__dataclass_fields__)
        if unknown:
            raise StreamError("option-invalid", f"there is no option {', '.join(sorted(unknown))} of what is sold")
        given = {name: value for name, value in options.items() if value is not None}
        for name in ("credit", "smallest_payment"):
            if name in given:
                parse_amount(given[name])
        if "methods" in given:
            given["methods"] = tuple(given["methods"])
        return Terms(check_price(price), **given)

    def route(self) -> dict[str, object]:
        names = {"credit": "credit", "smallest_payment": "smallestPayment", "grace": "grace", "free": "free"}
        names |= {"description": "description", "title": "title"}
        route: dict[str, object] = {"price": self.price}
        route.update({member: value for name, member in names.items() if (value := getattr(self, name)) is not None})
        if self.methods:
            route["methods"] = list(self.methods)
        return route

    @property
    def unit(self) -> str | None:
        """Of the price, or of a tariff's output."""
        price = self.price.get("output") if isinstance(self.price, dict) else self.price
        return None if price is None or price == "free" else Price.parse(price).unit


class Paid(Generic[P, R]):
    """A function that is for sale. Called from Python it is what it was; over HTTP it answers the gateway alone.

    ``.asgi`` and ``.wsgi`` are apps for a server of your own, such as ``uvicorn module:generate.asgi``.
    """

    __name__: str

    def __init__(self, function: Callable[P, R], terms: Terms, media_type: str | None) -> None:
        if len(inspect.signature(function).parameters) > 1:
            raise StreamError("option-invalid", f"{function.__name__} takes a request, and nothing besides")
        self.function, self.terms, self._media_type = function, terms, media_type
        self.asgi = self.asgi_for(None)
        self.wsgi = WsgiFunction(function, terms.unit, media_type, None)
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def asgi_for(self, key: str | None) -> AsgiFunction:
        return AsgiFunction(self.function, self.terms.unit, self._media_type, key)

    @property
    def name(self) -> str:
        return _route_name(getattr(self.function, "__name__", "sold"))


class PaidApp:
    """An ASGI or WSGI app that is for sale: it answers the gateway alone. It is called as the app itself was."""

    def __init__(self, app: Any, terms: Terms) -> None:
        self.app, self.terms = app, terms

    @property
    def name(self) -> str:
        return "app"

    def asgi_for(self, key: str | None) -> AsgiApp:
        raise NotImplementedError


class PaidAsgi(PaidApp):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _guarded(self.app, None, scope, receive, send)

    def asgi_for(self, key: str | None) -> AsgiApp:
        return functools.partial(_guarded, self.app, key)


class PaidWsgi(PaidApp):
    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        name = f"HTTP_{KEY_HEADER.upper().replace('-', '_')}"
        refused = refusal(environ.get(name), None)
        if refused:
            return _start_whole(start_response, refused, [])
        kept = {member: value for member, value in environ.items() if member != name}
        answer: Iterable[bytes] = self.app(kept, start_response)
        return answer

    def asgi_for(self, key: str | None) -> AsgiApp:
        return functools.partial(_guarded, AsgiOfWsgi(self.app), key)


async def _guarded(app: AsgiApp, key: str | None, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] in ("http", "websocket"):
        shown = [value for name, value in scope["headers"] if name.lower() == KEY_HEADER.encode()]
        refused = refusal(shown[0].decode("latin-1") if len(shown) == 1 else None, key)
        if refused and scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        if refused:
            return await _send_whole(send, refused, [])
        # What the app logs and passes on does not hold the key.
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != KEY_HEADER.encode()]
        scope = {**scope, "headers": kept}
    await app(scope, receive, send)


def paid(
    price: str | Mapping[str, str], *, media_type: str | None = None, **options: Any
) -> Callable[[Callable[P, R]], Paid[P, R]]:
    """Sells a function: what it returns is an answer, what it yields is a stream of one.

    >>> @paid(price="10 sat/s")
    ... async def generate(request):
    ...     yield "a piece"

    The function takes a :class:`streampay.Request`, or nothing. It may be plain or a generator, ``async`` or not (then it runs in a
    thread), and answers ``str``, ``bytes``, ``dict``, ``list``, ``None`` or a :class:`streampay.Response`. Sold by the token, each
    ``str`` that is yielded is one: an event in the shape of OpenAI's chat. A :class:`streampay.StreamError`, and any other exception
    before the first piece, is an answer that costs nothing.

    :param price: ``"10 sat/s"``, ``"1 sat/token"``, ``"5 sat/image"`` (count with ``request.add()``), or charges by name:
        ``{"request": "1 sat", "extra": "50 sat"}`` (``request.charge("25 msat")``)
    :param media_type: of the answer; else by its type
    :param options: ``credit``, ``smallest_payment``, ``grace``, ``free``, ``methods``, ``title``, ``description``: those of a route
        of the gateway
    """
    terms = Terms.of(price, options)
    return lambda function: Paid(function, terms, media_type)


def paid_app(
    app: Any, *, price: str | Mapping[str, str], interface: Literal["asgi", "wsgi"] | None = None, **options: Any
) -> PaidApp:
    """Sells an app whole: FastAPI, Starlette, Django, Flask, … The app itself needs no word of it.

    :param interface: where it does not show by itself: an app whose call is a coroutine is ASGI
    :param options: as of :func:`paid`
    """
    terms = Terms.of(price, options)
    return (PaidAsgi if (interface or interface_of(app)) == "asgi" else PaidWsgi)(app, terms)


def interface_of(app: Any) -> Literal["asgi", "wsgi"]:
    call = app if inspect.isfunction(app) or inspect.ismethod(app) else getattr(type(app), "__call__", None)
    if not callable(app):
        raise StreamError("option-invalid", f"{app!r} is no function and no app")
    return "asgi" if inspect.iscoroutinefunction(call) else "wsgi"


def _route_name(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48]
    return cleaned if re.match("[a-z]", cleaned) else "sold"
