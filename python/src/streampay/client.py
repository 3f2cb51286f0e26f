"""An httpx client that pays: every request goes through the local daemon, which pays for the answer while it comes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, NoReturn
from urllib.parse import quote

import anyio
import anyio.to_thread
import httpx

from . import api
from .api import read_answer
from .daemon import Daemon, ensure_daemon
from .errors import PROBLEM_TYPE, StreamError, from_problem
from .money import to_msat
from .price import Price
from .streams import Event, Events, Text, raise_for_event

#: No limit on how long an answer may pause: the daemon ends a stream that stalls, and says what was paid.
_TIMEOUT = httpx.Timeout(30, read=None)
_MAX_PROBLEM = 65_536
_CALLER = "python"
#: Headers of the daemon's: which request this was, and on which agreement it is paid.
_REQUEST = "streampay-request"
_AGREEMENT = "streampay-agreement"
_FRAMING = (b"content-length", b"transfer-encoding")


class _Terms:
    """What a client may spend."""

    def __init__(
        self, most: str | int | None, max_price: str | None, ahead: str | int | None, max_risk: str | int | None
    ) -> None:
        self.most = None if most is None else to_msat(most)
        self.ahead = None if ahead is None else to_msat(ahead)
        self.max_risk = None if max_risk is None else to_msat(max_risk)
        for price in () if max_price is None else max_price.split(","):
            Price.parse(price)
        self.max_price = max_price

    @property
    def are_own(self) -> bool:
        return any(limit is not None for limit in (self.most, self.ahead, self.max_risk, self.max_price))


class _Budget:
    """A caller of the daemon's, made for one client: what it may spend holds whatever else goes on, and across a crash."""

    def __init__(self, daemon: Daemon, terms: _Terms) -> None:
        self._daemon = daemon
        self.name: str | None = None
        self.token = daemon.token
        if terms.are_own:
            self._make(terms)

    def _make(self, terms: _Terms) -> None:
        with self._client() as client:
            self._sweep(client)
            name = f"{_CALLER}-{os.getpid()}-{secrets.token_hex(6)}"
            call = api.add_caller(name, terms.most, None, None, terms.max_price, terms.ahead, terms.max_risk)
            self.token = read_answer(call, client.request(call.method, call.url, json=call.json))
            self.name = name

    def _sweep(self, client: httpx.Client) -> None:
        """Takes away what clients left that could not: of processes that are no more."""
        call = api.callers()
        for caller in read_answer(call, client.request(call.method, call.url)):
            name = str(caller.get("name"))
            made, _, rest = name.partition("-")
            pid = rest.partition("-")[0]
            if made == _CALLER and pid.isdigit() and not _is_alive(int(pid)):
                gone = api.remove_caller(name)
                client.request(gone.method, gone.url)

    def close(self) -> None:
        if self.name is None:
            return
        call = api.remove_caller(self.name)
        self.name = None
        # Where the daemon is gone already, the next client sweeps.
        with contextlib.suppress(httpx.HTTPError), self._client() as client:
            client.request(call.method, call.url)

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._daemon.token}"}
        return httpx.Client(base_url=self._daemon.url, headers=headers, trust_env=False, timeout=30)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _through(request: httpx.Request, daemon: Daemon, token: str) -> httpx.Request:
    """The same request, to the daemon's `/pay/`. Path and query stay as they are, to the byte."""
    url = request.url
    if url.scheme not in ("http", "https") or not url.host:
        raise StreamError("option-invalid", f"only http and https can be paid for, not {str(url)[:80]}")
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port is None else f":{url.port}"
    target = f"/pay/{url.scheme}://{quote(host, safe='[]:')}{port}".encode() + url.raw_path
    kept = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
    to = httpx.URL(daemon.url)
    own = [(b"Host", to.netloc), (b"Streampay-Token", token.encode())]
    return httpx.Request(
        request.method,
        to.copy_with(raw_path=target),
        headers=[*own, *kept],
        stream=request.stream,
        extensions=request.extensions,
    )


def _unanswered(error: httpx.HTTPError) -> StreamError:
    """Before there was any answer."""
    if isinstance(error, httpx.ConnectError):
        hint = "Nothing was sent. A new client finds, or starts, another."
        return StreamError("daemon-missing", f"the daemon does not answer: {error}", hint=hint, retryable=True)
    hint = "What it paid is in its journal: wallet.history(). `streampay recover` takes back what was left."
    return StreamError("stream-interrupted", f"the daemon broke off before it answered: {error}", hint=hint)


def _record_url(daemon: Daemon, response: httpx.Response) -> str | None:
    """Where the daemon says what became of a request."""
    request = response.headers.get(_REQUEST)
    return None if request is None else f"{daemon.url}/.streampay/requests/{quote(request, safe='')}"


def _broken(error: httpx.HTTPError, response: httpx.Response, record: httpx.Response | None) -> StreamError:
    """In the middle of an answer: as the daemon says, or else what is known."""
    details = {"agreement": response.headers[_AGREEMENT]} if _AGREEMENT in response.headers else {}
    if record is None or not record.is_success:
        gone = "; the daemon is gone" if record is None else ""
        hint = "What it paid is in its journal: wallet.history(). `streampay recover` takes back what was left."
        return StreamError("stream-interrupted", f"the answer broke off{gone}: {error}", details, hint=hint)
    told = record.json()
    problem = from_problem(told.get("error"))
    if problem:
        return problem
    figures = {name: told[name] for name in ("paid", "received", "agreement") if isinstance(told.get(name), str)}
    return StreamError("stream-interrupted", f"the answer broke off: {error}", {**details, **figures})


def _is_problem(response: httpx.Response) -> bool:
    return response.status_code >= 400 and response.headers.get("content-type", "").startswith(PROBLEM_TYPE)


def _raise_problem(response: httpx.Response, body: bytes) -> None:
    """:raises StreamError: where the daemon says it; what a service says is an answer"""
    with contextlib.suppress(ValueError):
        document = json.loads(body)
        problem = from_problem(document)
        if problem and response.headers.get(_REQUEST) == problem.details.get("request"):
            raise problem


def _as_asked(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    """The daemon leads a redirect back to itself: to this client it leads where the seller said."""
    return [
        (name, value.removeprefix(b"/pay/") if name.lower() == b"location" else value)
        for name, value in response.headers.raw
    ]


def _plain(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    """Of a body that is whole now."""
    return [(name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING]


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpx.Response, daemon: Daemon) -> None:
        self._response, self._daemon = response, daemon

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream  # type: ignore[misc]
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise _broken(error, self._response, self._record()) from error

    def _record(self) -> httpx.Response | None:
        url = _record_url(self._daemon, self._response)
        with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False, timeout=10) as client:
            return None if url is None else client.get(url)
        return None

    def close(self) -> None:
        self._response.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, daemon: Daemon) -> None:
        self._response, self._daemon = response, daemon

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.stream:  # type: ignore[union-attr]
                yield chunk
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise _broken(error, self._response, await self._record()) from error

    async def _record(self) -> httpx.Response | None:
        url = _record_url(self._daemon, self._response)
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
                return None if url is None else await client.get(url)
        return None

    async def aclose(self) -> None:
        await self._response.aclose()


class PayingTransport(httpx.BaseTransport):
    """Sends every request through a daemon that pays. For a client of your own: ``httpx.Client(transport=…, trust_env=False)``."""

    def __init__(
        self,
        daemon: Daemon,
        *,
        max: str | int | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
        inner: httpx.BaseTransport | None = None,
    ) -> None:
        terms = _Terms(max, max_price, ahead, max_risk)
        self._daemon = daemon
        self._inner = inner or httpx.HTTPTransport(trust_env=False)
        self._budget = _Budget(daemon, terms)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        through = _through(request, self._daemon, self._budget.token)
        try:
            response = self._inner.handle_request(through)
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise _unanswered(error) from error
        if _is_problem(response):
            body = b""
            for chunk in _Body(response, self._daemon):
                body += chunk
                if len(body) > _MAX_PROBLEM:
                    break
            response.close()
            _raise_problem(response, body)
            return httpx.Response(response.status_code, headers=_plain(response), content=body)
        return httpx.Response(
            response.status_code, headers=_as_asked(response), stream=_Body(response, self._daemon), extensions=response.extensions
        )

    def close(self) -> None:
        self._inner.close()
        self._budget.close()


class AsyncPayingTransport(httpx.AsyncBaseTransport):
    """:class:`PayingTransport` for ``httpx.AsyncClient``. The daemon is found or started at the first request."""

    def __init__(
        self,
        daemon: Daemon | None = None,
        *,
        max: str | int | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
        start: bool = True,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._terms = _Terms(max, max_price, ahead, max_risk)
        self._daemon, self._start = daemon, start
        self._inner = inner or httpx.AsyncHTTPTransport(trust_env=False)
        self._budget: _Budget | None = None
        self._opening = anyio.Lock()

    async def _open(self) -> tuple[Daemon, _Budget]:
        def make() -> tuple[Daemon, _Budget]:
            daemon = self._daemon or ensure_daemon(start=self._start)
            return daemon, _Budget(daemon, self._terms)

        async with self._opening:
            if self._daemon is None or self._budget is None:
                opened = await anyio.to_thread.run_sync(make)
                self._daemon, self._budget = opened
                return opened
            return self._daemon, self._budget

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        daemon, budget = await self._open()
        through = _through(request, daemon, budget.token)
        try:
            response = await self._inner.handle_async_request(through)
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise _unanswered(error) from error
        if _is_problem(response):
            body = b""
            async for chunk in _AsyncBody(response, daemon):
                body += chunk
                if len(body) > _MAX_PROBLEM:
                    break
            await response.aclose()
            _raise_problem(response, body)
            return httpx.Response(response.status_code, headers=_plain(response), content=body)
        return httpx.Response(
            response.status_code, headers=_as_asked(response), stream=_AsyncBody(response, daemon), extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._inner.aclose()
        if self._budget:
            await anyio.to_thread.run_sync(self._budget.close)


class Client(httpx.Client):
    """An ``httpx.Client`` that pays for what it gets, by use, while it comes.

    >>> with streampay.Client(max="100 sat", max_price="20 sat/s") as client:      # doctest: +SKIP
    ...     for token in client.stream_text("POST", url, json=prompt):
    ...         print(token, end="", flush=True)

    Everything else is httpx: ``get``, ``post``, ``stream``, headers, cookies. Anything that asks for no payment is simply fetched.
    A refusal, and a stream that is cut, is a :class:`streampay.StreamError`; its ``paid`` says what it cost so far.
    """

    def __init__(
        self,
        *,
        max: str | int | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
        daemon: Daemon | None = None,
        start: bool = True,
        **options: Any,
    ) -> None:
        """
        :param max: the most that this client spends in all, routing included (``"100 sat"``; an int is msat). Without it the
            limits of the daemon hold alone.
        :param max_price: the most to accept for a unit (``"20 sat/s"``; several with commas)
        :param ahead: the most to have paid for what has not come; the daemon's own by default
        :param max_risk: the most to pay in one piece before anything comes, to sellers that want it so; the daemon's own by default
        :param daemon: one whose address and token are known; else found, or started
        :param options: those of ``httpx.Client``, but for ``transport``, ``proxy``, ``mounts`` and ``verify``: the daemon connects
        """
        found = daemon or ensure_daemon(start=start)
        options.setdefault("timeout", _TIMEOUT)
        transport = PayingTransport(found, max=max, max_price=max_price, ahead=ahead, max_risk=max_risk)
        super().__init__(transport=transport, trust_env=False, **options)

    def stream_bytes(self, method: str, url: httpx.URL | str, **options: Any) -> Generator[bytes, None, None]:
        """The body as it comes. Leaving the loop ends the request, and so the paying.

        :raises StreamError: what the daemon says
        :raises httpx.HTTPStatusError: for an answer that is no 2xx, which costs nothing
        """
        with self.stream(method, url, **options) as response:
            _check(response)
            yield from response.iter_bytes()

    def stream_text(self, method: str, url: httpx.URL | str, **options: Any) -> Generator[str, None, None]:
        """The text as it comes. Of a model's server-sent events or JSON lines: what it generates, token by token."""
        with self.stream(method, url, **options) as response:
            _check(response)
            text = Text(response)
            for chunk in response.iter_bytes():
                yield from text.push(chunk)
            yield from text.push(b"", last=True)

    def stream_events(self, method: str, url: httpx.URL | str, **options: Any) -> Generator[Event, None, None]:
        """Server-sent events as they come."""
        with self.stream(method, url, **options) as response:
            _check(response)
            events = Events()
            for chunk in response.iter_text():
                for event in events.push(chunk):
                    raise_for_event(event)
                    yield event


def _check(response: httpx.Response) -> None:
    if not response.is_success:
        response.read()
        _refuse(response)


def _refuse(response: httpx.Response) -> NoReturn:
    if _is_problem(response):
        with contextlib.suppress(ValueError):
            problem = from_problem(response.json())
            if problem:
                raise problem
    response.raise_for_status()
    raise StreamError("seller-failed", f"the answer is {response.status_code}, where a body was to come")


class AsyncClient(httpx.AsyncClient):
    """:class:`Client`, for asyncio.

    >>> async with streampay.AsyncClient(max="100 sat") as client:                 # doctest: +SKIP
    ...     async for token in client.stream_text("POST", url, json=prompt):
    ...         print(token, end="", flush=True)
    """

    def __init__(
        self,
        *,
        max: str | int | None = None,
        max_price: str | None = None,
        ahead: str | int | None = None,
        max_risk: str | int | None = None,
        daemon: Daemon | None = None,
        start: bool = True,
        **options: Any,
    ) -> None:
        options.setdefault("timeout", _TIMEOUT)
        transport = AsyncPayingTransport(daemon, max=max, max_price=max_price, ahead=ahead, max_risk=max_risk, start=start)
        super().__init__(transport=transport, trust_env=False, **options)

    async def stream_bytes(self, method: str, url: httpx.URL | str, **options: Any) -> AsyncIterator[bytes]:
        """The body as it comes."""
        async with self.stream(method, url, **options) as response:
            await _acheck(response)
            async for chunk in response.aiter_bytes():
                yield chunk

    async def stream_text(self, method: str, url: httpx.URL | str, **options: Any) -> AsyncIterator[str]:
        """The text as it comes; of a model's events, what it generates."""
        async with self.stream(method, url, **options) as response:
            await _acheck(response)
            text = Text(response)
            async for chunk in response.aiter_bytes():
                for piece in text.push(chunk):
                    yield piece
            for piece in text.push(b"", last=True):
                yield piece

    async def stream_events(self, method: str, url: httpx.URL | str, **options: Any) -> AsyncIterator[Event]:
        """Server-sent events as they come."""
        async with self.stream(method, url, **options) as response:
            await _acheck(response)
            events = Events()
            async for chunk in response.aiter_text():
                for event in events.push(chunk):
                    raise_for_event(event)
                    yield event


async def _acheck(response: httpx.Response) -> None:
    if not response.is_success:
        await response.aread()
        _refuse(response)
