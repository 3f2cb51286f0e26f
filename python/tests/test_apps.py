"""Sold functions and apps as a server of one's own calls them, with the gateway's key in the environment."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import streampay
from streampay import Request, Response, StreamError
from streampay.selling.bridge import AsgiOfWsgi
from streampay.selling.door import KEY_HEADER, KEY_VARIABLE
from streampay.selling.request import MAX_BODY

KEY = "k" * 32


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def wsgi(app: Any, body: bytes = b"", query: str = "", length: str | None = None, shown: str = KEY) -> tuple[str, dict[str, str], bytes]:
    told: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/p\xc3\xa9",
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)) if length is None else length,
        "CONTENT_TYPE": "text/plain",
        "wsgi.input": io.BytesIO(body),
        f"HTTP_{KEY_HEADER.upper().replace('-', '_')}": shown,
    }
    pieces = app(environ, lambda status, headers: told.append((status, headers)))
    data = b"".join(pieces)
    return told[0][0], dict(told[0][1]), data


def asgi(app: Any, *pieces: bytes, shown: str = KEY, gone_after: int | None = None) -> tuple[int, dict[str, str], bytes, list[Any]]:
    """:param gone_after: the gateway leaves when it has so many messages"""
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def run() -> None:
        gone = asyncio.Event()

        async def receive() -> Any:
            if waiting:
                return waiting.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if gone_after is not None and len(sent) >= gone_after:
                gone.set()

        headers = [(KEY_HEADER.encode(), shown.encode()), (b"x-a", b"1")]
        extensions: dict[str, object] = {"http.response.trailers": {}}
        await app({"type": "http", "method": "POST", "path": "/p", "headers": headers, "query_string": b"a=1", "extensions": extensions}, receive, send)

    asyncio.run(run())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], headers, body, sent


ended: list[str] = []


@streampay.paid(price="1 sat/KiB")
def plain(request: Request) -> dict[str, object]:
    return {"path": request.path, "text": request.text, "type": request.headers.get("content-type"), "query": request.query}


@streampay.paid(price="5 sat/image")
async def async_plain(request: Request) -> Response:
    await asyncio.sleep(0)
    request.add(2)
    return Response(b"\x89", 201, {"x-y": "z"}, "image/png")


@streampay.paid(price="5 sat/step")
async def stream(request: Request) -> AsyncIterator[str]:
    try:
        for i in range(3):
            request.add()
            await asyncio.sleep(0)
            yield f"{i} "
    finally:
        ended.append("stream")


@streampay.paid(price="1 sat/KiB")
def lines() -> Iterator[dict[str, object]]:
    try:
        yield {"a": 1}
        yield {"b": 2}
    finally:
        ended.append("lines")


@streampay.paid(price="1 sat/token", media_type="text/event-stream")
def events() -> Iterator[str | dict[str, object]]:
    yield "a"
    yield {"choices": [], "usage": {"completion_tokens": 1}}


@streampay.paid(price="1 sat/KiB")
def early(request: Request) -> Iterator[str]:
    if request.text == "refuse":
        raise StreamError("request-refused", "not that")
    if request.text == "break":
        raise RuntimeError("a defect")
    yield "fine"


@streampay.paid(price="1 sat/request")
def nothing() -> None:
    return None


def test_a_plain_function_both_ways() -> None:
    status, headers, body = wsgi(plain.wsgi, b"hello", "q=1")
    assert (status, headers["content-type"]) == ("200 OK", "application/json")
    assert json.loads(body) == {"path": "/pé", "text": "hello", "type": "text/plain", "query": {"q": "1"}}
    code, _, data, _ = asgi(plain.asgi, b"hel", b"lo")
    assert code == 200 and json.loads(data) == {"path": "/p", "text": "hello", "type": None, "query": {"a": "1"}}


def test_a_coroutine_both_ways() -> None:
    expected = {"x-y": "z", "content-type": "image/png", "content-length": "1", "stream-units": "2"}
    assert wsgi(async_plain.wsgi) == ("201 Created", expected, b"\x89")
    assert asgi(async_plain.asgi)[:3] == (201, expected, b"\x89")


def test_streams_both_ways() -> None:
    ended.clear()
    assert wsgi(stream.wsgi)[2] == b"0 1 2 "
    code, headers, body, sent = asgi(stream.asgi)
    assert (code, headers, body) == (200, {"content-type": "text/plain; charset=utf-8"}, b"0 1 2 ")
    assert sent[-1] == {"type": "http.response.trailers", "headers": [(b"stream-units", b"3")], "more_trailers": False}
    for found in (wsgi(lines.wsgi)[1:], asgi(lines.asgi)[1:3]):
        assert found == ({"content-type": "application/x-ndjson"}, b'{"a": 1}\n{"b": 2}\n')
    assert ended == ["stream", "stream", "lines", "lines"]
    for data in (wsgi(events.wsgi)[2], asgi(events.asgi)[2]):
        assert data.count(b"data: ") == 3 and data.endswith(b"data: [DONE]\n\n") and b'"content": "a"' in data


@streampay.paid(price="1 sat/KiB")
async def forever() -> AsyncIterator[str]:
    try:
        while True:
            await asyncio.sleep(0)
            yield "more"
    finally:
        ended.append("forever")


@streampay.paid(price="1 sat/KiB")
def always() -> Iterator[str]:
    try:
        while True:
            yield "more"
    finally:
        ended.append("always")


@pytest.mark.parametrize("app", [forever, always])
def test_a_gateway_that_leaves_ends_the_work(app: Any) -> None:
    ended.clear()
    *_, sent = asgi(app.asgi, gone_after=2)
    assert ended == [app.__name__]
    assert not any(message["type"] == "http.response.trailers" for message in sent)
    assert sent[-1]["more_body"], "a stream that was left does not end as if it were whole"


def test_what_fails_before_the_first_piece() -> None:
    for text, status, word in ((b"refuse", 400, b"request-refused"), (b"break", 500, b"Internal")):
        code, headers, body, _ = asgi(early.asgi, text)
        assert (code, headers["content-type"]) == (status, "application/problem+json") and word in body
        assert wsgi(early.wsgi, text)[0].startswith(str(status))
    assert b"a defect" not in asgi(early.asgi, b"break")[2], "what broke is the seller's own affair"
    assert asgi(early.asgi, b"\xff")[0] == 400
    assert asgi(early.asgi, b"go")[2] == wsgi(early.wsgi, b"go")[2] == b"fine"


def test_no_body_and_too_large_a_body() -> None:
    assert asgi(nothing.asgi)[:3] == (204, {}, b"")
    assert wsgi(nothing.wsgi) == ("204 No Content", {}, b"")
    assert asgi(plain.asgi, bytes(MAX_BODY), b"x")[0] == 413
    assert wsgi(plain.wsgi, length=str(MAX_BODY + 1))[0].startswith("413")
    assert wsgi(plain.wsgi, length="many")[0].startswith("413")


def test_the_door() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [str("HTTP_STREAMPAY_GATEWAY" in environ).encode()]

    sold = streampay.paid_app(app, price="1 sat/s")
    assert wsgi(sold)[2] == b"False", "the app sees no key"
    for refused in (wsgi(sold, shown="x" * 32), wsgi(plain.wsgi, shown=""), wsgi(plain.wsgi, shown="ü")):
        assert refused[0].startswith("403")
    assert asgi(plain.asgi, shown=KEY[:-1])[0] == 403


def test_a_wsgi_app_over_asgi() -> None:
    closed: list[bool] = []

    class Body:
        def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
            self.write = start_response("200 OK", [("X-Y", "z")])
            self.read = environ["wsgi.input"].read()

        def __iter__(self) -> Iterator[bytes]:
            self.write(b"first ")
            yield self.read
            yield b" last"

        def close(self) -> None:
            closed.append(True)

    code, headers, body, _ = asgi(AsgiOfWsgi(Body), b"in")
    assert (code, headers, body) == (200, {"x-y": "z"}, b"first in last")
    assert closed == [True]
