"""Functions and apps sold from Python by the real gateway, bought by the real command over two embedded nodes."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

import streampay
from streampay import Request, Response, StreamError
from streampay.selling.door import KEY_HEADER

from .conftest import Command

left = threading.Event()


@streampay.paid(price="1 sat/token")
async def talk(request: Request) -> AsyncIterator[str]:
    for word in request.text.split() or ["nothing", "was", "asked"]:
        yield word + " "


@streampay.paid(price="1 sat/KiB", credit="2 sat")
def pieces() -> Iterator[bytes]:
    for _ in range(16):
        yield bytes(512)


@streampay.paid(price="5 sat/image")
def draw(request: Request) -> dict[str, object]:
    count = int(request.query.get("count", "1"))
    request.add(count)
    return {"images": count, "by": request.method}


@streampay.paid(price={"request": "1 sat", "extra": "10 sat"})
async def weigh(request: Request) -> Response:
    request.charge("2500 msat")
    return Response("heavy", headers={"x-weight": "7"}, media_type="text/plain")


@streampay.paid(price="1 sat/request")
def refuse(request: Request) -> str:
    if request.method == "POST":
        request.json()
    raise RuntimeError("a defect of the app")


@streampay.paid(price="10 sat/MiB", credit="1 sat")
async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            await asyncio.sleep(0)
            yield bytes(16_384)
    finally:
        left.set()


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError("an app that knows no lifespan")
    assert KEY_HEADER.encode() not in dict(scope["headers"]), "the key is for the door alone"
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in (b"asgi ", scope["path"].encode()):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi ", environ["PATH_INFO"].encode(), b" ", body]


@pytest.fixture(scope="module")
def shop(command: Command) -> Iterator[streampay.Sale]:
    sold = {
        "/talk": talk,
        "/pieces": pieces,
        "/draw": draw,
        "/weigh": weigh,
        "/refuse": refuse,
        "/endless": endless,
        "/asgi/**": streampay.paid_app(asgi_app, price="2 sat/request"),
        "/wsgi/**": streampay.paid_app(wsgi_app, price="3 sat/request"),
    }
    with streampay.selling(sold, port=0) as sale:
        yield sale


def test_every_text_that_is_yielded_is_a_token(command: Command, shop: streampay.Sale) -> None:
    bought = command.get(f"{shop.url}/talk", "-d", "rain falls from clouds", "-H", "content-type: text/plain")
    assert bought.code == 0, bought.stderr
    assert (bought.end["unit"], bought.end["units"], bought.end["delivered"]) == ("token", 4, "4000")
    lines = [line for line in bought.body.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "rain falls from clouds "


def test_bytes_of_a_plain_generator(command: Command, shop: streampay.Sale) -> None:
    bought = command.get(f"{shop.url}/pieces")
    assert bought.code == 0, bought.stderr
    assert bought.body == bytes(8192)
    assert (bought.end["delivered"], bought.end["statement"]["delivered"]) == ("8000", "8000")
    assert int(bought.end["maxUnpaid"]) <= 2000


def test_units_of_ones_own(command: Command, shop: streampay.Sale) -> None:
    bought = command.get(f"{shop.url}/draw?count=3", "--ahead", "20 sat")
    assert bought.code == 0, bought.stderr
    assert json.loads(bought.body) == {"images": 3, "by": "GET"}
    assert (bought.end["units"], bought.end["delivered"]) == (3, "15000")


def test_a_cost_that_the_function_says(command: Command, shop: streampay.Sale) -> None:
    bought = command.get(f"{shop.url}/weigh")
    assert (bought.code, bought.body) == (0, b"heavy"), bought.stderr
    assert bought.end["delivered"] == "3500"


def test_what_fails_costs_nothing(command: Command, shop: streampay.Sale) -> None:
    defect = command.get(f"{shop.url}/refuse")
    assert defect.error["status"] == "500"
    assert defect.end["delivered"] == "0"
    refused = command.get(f"{shop.url}/refuse", "-d", "no json")
    assert refused.error["code"] == "request-refused"
    assert (refused.end["delivered"], refused.end["returned"]) == ("0", refused.end["paid"])


def test_apps_are_sold_as_they_are(command: Command, shop: streampay.Sale) -> None:
    asgi = command.get(f"{shop.url}/asgi/a%20b")
    assert (asgi.code, asgi.body, asgi.end["delivered"]) == (0, b"asgi /asgi/a b", "2000"), asgi.stderr
    wsgi = command.get(f"{shop.url}/wsgi/x", "-d", "hello", "-H", "content-type: text/plain")
    assert (wsgi.code, wsgi.body, wsgi.end["delivered"]) == (0, b"wsgi /wsgi/x hello", "3000"), wsgi.stderr


def test_work_ends_when_nothing_is_paid_any_more(command: Command, shop: streampay.Sale) -> None:
    left.clear()
    bought = command.get(f"{shop.url}/endless", "--max", "20 sat")
    assert bought.error["code"] == "budget-exhausted"
    assert int(bought.end["paid"]) <= 20_000
    assert int(bought.end["maxUnpaid"]) <= 1000
    assert left.wait(60), "the generator goes on though its buyer has left"


def test_only_the_gateway_comes_in(command: Command) -> None:
    events: list[dict[str, Any]] = []
    with streampay.selling(talk, port=0, on_event=events.append) as sale:
        [upstream] = [server for server in sale._servers]
        for headers in ({}, {KEY_HEADER: "x" * 64}):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{upstream._port}/", headers=headers))
            assert caught.value.code == 403
            caught.value.close()
        # What the buyer sends in the key's place does not reach the app.
        bought = command.get(sale.url, "-H", f"{KEY_HEADER}: x", "-d", "a b", "-H", "content-type: text/plain")
        assert bought.end["delivered"] == "2000", bought.stderr
        assert events[0]["event"] == "selling" and events[0]["price"] == "1 sat/token"
    assert not sale.is_running
    assert any(event["event"] == "paid" for event in events)
    assert events[-1]["event"] == "end"


def test_a_function_stays_a_function() -> None:
    assert pieces().__next__() == bytes(512)
    request = Request("GET", "/", "count=2", {}, b"")
    assert draw(request) == {"images": 2, "by": "GET"}
    assert draw.__name__ == "draw"


def test_without_a_gateway_nothing_is_given_away() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(talk.asgi(scope, receive, send))
    assert sent[0]["status"] == 503
    answered: list[str] = []
    body = draw.wsgi({"REQUEST_METHOD": "GET"}, lambda status, headers: answered.append(status))
    assert answered == ["503 Service Unavailable"] and b"STREAMPAY_GATEWAY_KEY" in b"".join(body)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: streampay.paid(price="10 sat"), "price-invalid"),
        (lambda: streampay.paid(price="1 apple/s"), "amount-invalid"),
        (lambda: streampay.paid(price={"output": "1 sat/s", "tip": "1 sat"}), "price-invalid"),
        (lambda: streampay.paid(price="1 sat/s", credits="1 sat"), "option-invalid"),
        (lambda: streampay.paid_app(3, price="1 sat/s"), "option-invalid"),
        (lambda: streampay.paid(price="1 sat/s")(lambda a, b: a), "option-invalid"),
        (lambda: streampay.selling(asgi_app).__enter__(), "price-invalid"),
        (lambda: streampay.selling(talk, price="1 sat/s").__enter__(), "option-invalid"),
        (lambda: streampay.selling({}).__enter__(), "option-invalid"),
    ],
)
def test_mistakes_are_told_before_anything_is_sold(make: Callable[[], object], code: str) -> None:
    with pytest.raises(StreamError) as caught:
        make()
    assert caught.value.code == code


def test_what_the_gateway_refuses_is_told(command: Command) -> None:
    with pytest.raises(StreamError) as caught, streampay.selling(talk, port=0, host="0.0.0.0"):
        pass
    assert caught.value.code == "transport-insecure"
