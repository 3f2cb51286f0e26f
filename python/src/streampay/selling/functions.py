"""A function as an app: called for each request, and its answer sent as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

from ..errors import StreamError
from .door import KEY_HEADER, refusal
from .request import MAX_BODY, Format, Request, Response, is_stream, problem, problem_of, reason, whole

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("streampay")
_END = object()
_GONE = object()


def takes_request(function: Callable[..., object]) -> bool:
    """Whether a function wants to know what was asked: one without parameters does not."""
    return len(inspect.signature(function).parameters) > 0


class AsgiFunction:
    """An ASGI 3 app of a function: plain or a generator, synchronous (in a thread) or not."""

    def __init__(self, function: Callable[..., Any], unit: str | None, media_type: str | None, key: str | None) -> None:
        self._function, self._unit, self._media_type, self._key = function, unit, media_type, key
        self._is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        self._args = takes_request(function)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            raise RuntimeError(f"a sold function answers http, not {scope['type']}")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = refusal(headers.pop(KEY_HEADER, None), self._key)
        if refused:
            return await _send_whole(send, refused, [])
        body = await _read_body(receive)
        if body is None:
            return None
        if isinstance(body, Response):
            return await _send_whole(send, body, [])
        query = scope.get("query_string", b"").decode("latin-1")
        request = Request(scope["method"], scope["path"], query, headers, body)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await self._answer(request, send, gone, "http.response.trailers" in scope.get("extensions", {}))
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _answer(self, request: Request, send: Send, gone: asyncio.Future[None], trailers: bool) -> None:
        try:
            result: Any = await _unless(gone, self._call(request))
            if result is _GONE:
                return
            response = result if isinstance(result, Response) else Response(result)
            if not is_stream(response.body):
                return await _send_whole(send, _with_type(response, self._media_type), request.counted())
            chunks = _iterate(response.body)
        except StreamError as error:
            return await _send_whole(send, problem_of(error), [])
        except Exception:
            _log.exception("the sold function failed before it answered: nothing is charged")
            return await _send_whole(send, problem(500, "Internal Server Error", "The service failed."), [])
        await self._stream(response, chunks, request, send, gone, trailers)

    async def _call(self, request: Request) -> Any:
        args = (request,) if self._args else ()
        if self._is_async or inspect.isgeneratorfunction(self._function):
            result = self._function(*args)
        else:
            result = await asyncio.to_thread(self._function, *args)
        return await result if inspect.isawaitable(result) else result

    async def _stream(
        self,
        response: Response,
        chunks: AsyncIterator[object],
        request: Request,
        send: Send,
        gone: asyncio.Future[None],
        trailers: bool,
    ) -> None:
        started = False
        try:
            # The head waits for the first piece: what fails before it is a 500, which costs nothing.
            chunk = await _unless(gone, _next(chunks))
            form = Format.of(response.media_type or self._media_type, self._unit, chunk)
            head = _head(response, form.media_type)
            message: Message = {"type": "http.response.start", "status": response.status, "headers": head}
            if trailers:
                message["trailers"] = True
            if chunk is not _GONE:
                await send(message)
                started = True
            while chunk is not _END and chunk is not _GONE:
                data = form.encode(chunk)
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                # The next piece is asked for when this one has left, so that the work keeps pace with what is paid.
                chunk = await _unless(gone, _next(chunks))
            if chunk is _END:
                await send({"type": "http.response.body", "body": form.end, "more_body": False})
                if trailers:
                    told = [(name.encode(), value.encode()) for name, value in request.counted()]
                    await send({"type": "http.response.trailers", "headers": told, "more_trailers": False})
        except StreamError as error:
            if started:
                raise
            await _send_whole(send, problem_of(error), [])
        except OSError:
            # The gateway left: the buyer did, or did not pay.
            if not gone.done() and not started:
                raise
        except Exception:
            if started:
                raise
            _log.exception("the sold function failed before it answered: nothing is charged")
            await _send_whole(send, problem(500, "Internal Server Error", "The service failed."), [])
        finally:
            close = getattr(chunks, "aclose", None)
            if close:
                await close()


def _with_type(response: Response, media_type: str | None) -> Response:
    return Response(response.body, response.status, response.headers, response.media_type or media_type)


def _head(response: Response, media_type: str | None) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name in response.headers}
    head = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    if media_type is not None and "content-type" not in names:
        head.append((b"content-type", media_type.encode("latin-1")))
    return head


async def _send_whole(send: Send, response: Response, counted: list[tuple[str, str]]) -> None:
    data, media_type = whole(response.body, response.media_type)
    status = 204 if response.body is None and response.status == 200 else response.status
    head = _head(response, media_type)
    if status != 204:
        head.append((b"content-length", str(len(data)).encode()))
    head += [(name.encode(), value.encode()) for name, value in counted]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": data})


async def _read_body(receive: Receive) -> bytes | Response | None:
    """``None`` where the gateway has left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return problem(413, "Content Too Large", f"No body has more than {MAX_BODY} bytes here.")
        if not message.get("more_body", False):
            return bytes(body)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless(gone: asyncio.Future[None], work: Awaitable[object]) -> object:
    """What the work comes to; the work is ended when the gateway has left."""
    task = asyncio.ensure_future(work)
    both: set[asyncio.Future[Any]] = {task, gone}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    # Looked at first: work that is always ready would never be seen to be for nobody.
    if not gone.done():
        return task.result()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
    return _GONE


async def _next(chunks: AsyncIterator[object]) -> object:
    try:
        return await chunks.__anext__()
    except StopAsyncIteration:
        return _END


def _iterate(body: object) -> AsyncIterator[object]:
    if hasattr(body, "__aiter__"):
        iterator: AsyncIterator[object] = body.__aiter__()
        return iterator
    return _in_threads(iter(body))  # type: ignore[call-overload]


async def _in_threads(chunks: Iterator[object]) -> AsyncIterator[object]:
    pending: asyncio.Future[object] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(asyncio.to_thread(next, chunks, _END))
            # A thread cannot be stopped: it is left to end its step, and what it made then is dropped.
            chunk = await asyncio.shield(pending)
            if chunk is _END:
                return
            yield chunk
    finally:
        if pending and not pending.done():
            with contextlib.suppress(Exception):
                await pending
        close = getattr(chunks, "close", None)
        if close:
            await asyncio.to_thread(close)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class WsgiFunction:
    """A WSGI app of a function, for servers that speak no ASGI. Counts of one's own leave with the head only."""

    def __init__(self, function: Callable[..., Any], unit: str | None, media_type: str | None, key: str | None) -> None:
        self._function, self._unit, self._media_type, self._key = function, unit, media_type, key
        self._args = takes_request(function)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                headers[name.replace("_", "-").lower()] = environ[name]
        refused = refusal(headers.pop(KEY_HEADER, None), self._key)
        if refused:
            return _start_whole(start_response, refused, [])
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > MAX_BODY:
            return _start_whole(start_response, problem(413, "Content Too Large", f"At most {MAX_BODY} bytes."), [])
        path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
        body = environ["wsgi.input"].read(int(length))
        request = Request(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)
        loop = asyncio.new_event_loop()
        try:
            result = self._function(request) if self._args else self._function()
            if inspect.isawaitable(result):
                result = loop.run_until_complete(_await(result))
            response = result if isinstance(result, Response) else Response(result)
            if not is_stream(response.body):
                loop.close()
                return _start_whole(start_response, _with_type(response, self._media_type), request.counted())
            chunks = _pull(response.body, loop)
            first = next(chunks, _END)
        except StreamError as error:
            loop.close()
            return _start_whole(start_response, problem_of(error), [])
        except Exception:
            loop.close()
            _log.exception("the sold function failed before it answered: nothing is charged")
            return _start_whole(start_response, problem(500, "Internal Server Error", "The service failed."), [])
        form = Format.of(response.media_type or self._media_type, self._unit, first)
        head = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _head(response, form.media_type)]
        start_response(f"{response.status} {reason(response.status)}", head + request.counted())
        return _encoded(first, chunks, form)


async def _await(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _pull(body: Any, loop: asyncio.AbstractEventLoop) -> Iterator[object]:
    try:
        if not hasattr(body, "__aiter__"):
            yield from body
            return
        chunks = body.__aiter__()
        try:
            while (chunk := loop.run_until_complete(_next(chunks))) is not _END:
                yield chunk
        finally:
            if hasattr(chunks, "aclose"):
                loop.run_until_complete(chunks.aclose())
    finally:
        loop.close()


def _encoded(first: object, chunks: Iterator[object], form: Format) -> Iterator[bytes]:
    try:
        chunk = first
        while chunk is not _END:
            yield form.encode(chunk)
            chunk = next(chunks, _END)
        if form.end:
            yield form.end
    finally:
        close = getattr(chunks, "close", None)
        if close:
            close()


def _start_whole(
    start_response: Callable[..., object], response: Response, counted: list[tuple[str, str]]
) -> Iterable[bytes]:
    data, media_type = whole(response.body, response.media_type)
    status = 204 if response.body is None and response.status == 200 else response.status
    head = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _head(response, media_type)]
    length = [] if status == 204 else [("content-length", str(len(data)))]
    start_response(f"{status} {reason(status)}", head + length + counted)
    return [data]
