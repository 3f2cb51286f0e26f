"""Clients that pay through the real daemon, at sellers that are sold from Python, over two embedded nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

import streampay
from streampay import Request, Response, StreamError

from .conftest import Command

WORDS = "rain falls where warm wet air climbs until it is too cold to hold its water".split()
left = threading.Event()


@streampay.paid(price="1 sat/token")
async def talk(request: Request) -> AsyncIterator[str]:
    body = request.json()
    count = body["count"] if isinstance(body, dict) else 0
    for i in range(count):
        yield WORDS[i % len(WORDS)] + " "


@streampay.paid(price="1 sat/KiB")
def file() -> bytes:
    return bytes(range(256)) * 32


@streampay.paid(price="1 sat/KiB")
async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            await asyncio.sleep(0)
            yield bytes(1024)
    finally:
        left.set()


@streampay.paid(price="2 sat/request")
def form(request: Request) -> Response:
    if "moved" in request.query:
        return Response("", 302, {"location": "/form/there?x=1"})
    if "missing" in request.query:
        return Response({"code": "out-of-stock"}, 404)
    answer: dict[str, object] = {"method": request.method, "path": request.path, "query": request.query, "body": request.text}
    answer["key"] = request.headers.get("x-key")
    return Response(answer, 201)


@pytest.fixture(scope="module")
def url(command: Command) -> Iterator[str]:
    with streampay.selling({"/talk": talk, "/file": file, "/endless": endless, "/form/**": form}, port=0) as sale:
        yield sale.url


@pytest.fixture(scope="module")
def daemon(url: str) -> streampay.Daemon:
    """Nobody started one: the first who needs it does."""
    assert streampay.find_daemon() is None
    with streampay.Wallet() as wallet:
        return wallet.daemon


def test_a_client_starts_the_daemon_and_pays(url: str, daemon: streampay.Daemon) -> None:
    assert "spt_" not in repr(daemon)
    with streampay.Client(max="100 sat", max_price="1 sat/KiB") as client:
        answer = client.get(f"{url}/file")
    assert answer.status_code == 200
    assert answer.content == bytes(range(256)) * 32
    assert len(answer.headers["streampay-agreement"]) == 32
    found = streampay.find_daemon()
    assert found == daemon


def test_text_comes_token_by_token(url: str, daemon: streampay.Daemon) -> None:
    with streampay.Client(daemon=daemon, max="100 sat") as client:
        tokens = list(client.stream_text("POST", f"{url}/talk", json={"count": 20}))
        assert tokens == [WORDS[i % len(WORDS)] + " " for i in range(20)]
        events = list(client.stream_events("POST", f"{url}/talk", json={"count": 3}))
        assert [event.data for event in events][-1] == "[DONE]"
        chunk = events[0].json()
        assert isinstance(chunk, dict) and chunk["choices"][0]["delta"]["content"] == "rain "
        body = b"".join(client.stream_bytes("POST", f"{url}/talk", json={"count": 2}))
        assert body.startswith(b"data: {") and body.endswith(b"data: [DONE]\n\n")


def test_the_same_asynchronously(url: str, daemon: streampay.Daemon) -> None:
    async def buy() -> None:
        async with streampay.AsyncClient(max="100 sat") as client:
            tokens = [token async for token in client.stream_text("POST", f"{url}/talk", json={"count": 20})]
            assert "".join(tokens).split() == [WORDS[i % len(WORDS)] for i in range(20)]
            events = [event async for event in client.stream_events("POST", f"{url}/talk", json={"count": 2})]
            assert len(events) == 3
            both = await asyncio.gather(*(client.get(f"{url}/file") for _ in range(2)))
            assert [len(answer.content) for answer in both] == [8192, 8192]
            size = 0
            async for piece in client.stream_bytes("GET", f"{url}/file"):
                size += len(piece)
            assert size == 8192

    asyncio.run(buy())


def test_everything_else_is_httpx(url: str, daemon: streampay.Daemon) -> None:
    with streampay.Client(max="100 sat", base_url=url, headers={"x-key": "k"}) as client:
        answer = client.post("/form/a%2Fb%20c?q=1%202&z=", content=b"hello")
        assert answer.status_code == 201
        expected = {"method": "POST", "path": "/form/a/b c", "query": {"q": "1 2", "z": ""}, "body": "hello", "key": "k"}
        assert answer.json() == expected
        assert answer.request.url == f"{url}/form/a%2Fb%20c?q=1%202&z="
        # An answer of the service's own is an answer, and costs nothing.
        missing = client.get("/form/?missing")
        assert (missing.status_code, missing.json()) == (404, {"code": "out-of-stock"})
        with pytest.raises(httpx.HTTPStatusError):
            list(client.stream_text("GET", "/form/?missing"))
        moved = client.get("/form/?moved")
        assert (moved.status_code, moved.headers["location"]) == (302, f"{url}/form/there?x=1")
        assert client.get("/form/?moved", follow_redirects=True).json()["path"] == "/form/there"
        with client.stream("GET", "/file") as streamed:
            assert sum(len(piece) for piece in streamed.iter_raw(100)) == 8192


def test_the_budget_of_a_client_holds(url: str, daemon: streampay.Daemon) -> None:
    left.clear()
    with streampay.Client(max="20 sat") as client:
        came = 0
        with pytest.raises(StreamError) as caught:
            for piece in client.stream_bytes("GET", f"{url}/endless"):
                came += len(piece)
        error = caught.value
        assert error.code == "budget-exhausted", error
        assert error.paid is not None and error.received is not None
        assert 0 < error.paid <= 20_000
        # What came is what is counted as received: a sat for each KiB.
        assert came * 1000 // 1024 <= error.paid
        assert not error.retryable
        with pytest.raises(StreamError) as again:
            client.get(f"{url}/endless")
        assert again.value.code == "budget-exhausted"
    assert left.wait(60)


def test_a_price_above_the_limit_is_refused(url: str, daemon: streampay.Daemon) -> None:
    with streampay.Client(max="20 sat", max_price="500 msat/KiB") as client:
        with pytest.raises(StreamError) as caught:
            client.get(f"{url}/file")
        assert caught.value.code == "price-too-high"
        with pytest.raises(StreamError) as unit:
            client.get(f"{url}/form/")
        assert unit.value.code == "unit-mismatch"
    with streampay.Client(max_price="1 sat/KiB") as client:
        assert client.get(f"{url}/file").is_success


@contextlib.contextmanager
def selling_a_file(command: Command, *options: str) -> Iterator[str]:
    """The command itself, with what `selling` has no word for."""
    sold = command.home / "sold.bin"
    sold.write_bytes(bytes(8192))
    argv = [*command.argv, "sell", str(sold), "--price", "1 sat/KiB", "--json", "--port", "0", *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            events = (json.loads(line) for line in process.stdout)
            yield str(next(event for event in events if event["event"] == "selling")["url"])
        finally:
            process.terminate()


def test_a_seller_that_wants_to_be_paid_first(command: Command, daemon: streampay.Daemon) -> None:
    with selling_a_file(command, "--schemes", "l402") as url:
        with streampay.Wallet() as wallet:
            offers = wallet.offers(url)["offers"]
            assert isinstance(offers, list)
            assert [(offer["scheme"], offer["ahead"]) for offer in offers] == [("l402", "20000")]
        with streampay.Client(max="100 sat", max_risk="19 sat") as client:
            with pytest.raises(StreamError) as caught:
                client.get(url)
            assert caught.value.code == "risk-too-high"
        with streampay.Client(max="100 sat") as client:
            answers = [client.get(url) for _ in range(2)]
            assert [len(answer.content) for answer in answers] == [8192, 8192]
            assert len({answer.headers["streampay-agreement"] for answer in answers}) == 1


def test_leaving_the_loop_ends_the_paying(url: str, daemon: streampay.Daemon) -> None:
    left.clear()
    with streampay.Client(max="500 sat", ahead="4 sat") as client:
        for _ in client.stream_bytes("GET", f"{url}/endless"):
            break
        assert left.wait(60), "the seller works on, though its reader has left"


def test_a_client_that_ends_leaves_no_caller(url: str, daemon: streampay.Daemon) -> None:
    with streampay.Wallet() as wallet:
        with streampay.Client(max="20 sat"):
            assert any(str(caller["name"]).startswith("python-") for caller in wallet.callers())
        assert not any(str(caller["name"]).startswith("python-") for caller in wallet.callers())
        # Of a process that is gone: taken away by the next.
        wallet.add_caller("python-999999999-dead", max="1 sat")
        with streampay.Client(max="20 sat"):
            names = [str(caller["name"]) for caller in wallet.callers()]
            assert "python-999999999-dead" not in names


def test_targets_that_are_refused(url: str, daemon: streampay.Daemon) -> None:
    with streampay.Client(max="20 sat") as client:
        with pytest.raises(StreamError) as metadata:
            client.get("http://169.254.169.254/latest/meta-data")
        assert metadata.value.code == "target-refused"
        with pytest.raises((StreamError, httpx.UnsupportedProtocol)):
            client.get("file:///etc/passwd")
        with pytest.raises(StreamError) as own:
            client.get(f"{daemon.url}/.streampay/v1/status")
        assert own.value.code == "target-refused"
        with pytest.raises(StreamError) as gone:
            client.get("http://127.0.0.1:9/")
        assert gone.value.code == "seller-unreachable"


def test_a_wrong_token_pays_nothing(url: str, daemon: streampay.Daemon) -> None:
    wrong = streampay.Daemon(daemon.url, "spt_" + "A" * 43)
    with streampay.Client(daemon=wrong) as client, pytest.raises(StreamError) as caught:
        client.get(f"{url}/file")
    assert caught.value.code == "token-unknown"


def test_a_daemon_that_is_gone(url: str) -> None:
    gone = streampay.Daemon("http://127.0.0.1:9", "spt_" + "A" * 43)
    with streampay.Client(daemon=gone) as client, pytest.raises(StreamError) as caught:
        client.get(f"{url}/file")
    assert (caught.value.code, caught.value.retryable) == ("daemon-missing", True)
    with streampay.Wallet(daemon=gone) as wallet, pytest.raises(StreamError) as balance:
        wallet.balance()
    assert balance.value.code == "daemon-missing"


@pytest.mark.parametrize("options", [{"max": "20"}, {"max": 1.5}, {"max_price": "cheap"}, {"ahead": "lots"}, {"max_risk": "lots"}])
def test_mistakes_are_told_at_once(daemon: streampay.Daemon, options: dict[str, str]) -> None:
    with pytest.raises(StreamError) as caught:
        streampay.Client(daemon=daemon, **options)  # type: ignore[arg-type]
    assert caught.value.status == 400
