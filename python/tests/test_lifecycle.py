"""What is left when a program, a daemon or a gateway is interrupted or killed: nothing that runs, and nothing that is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import streampay
from streampay import StreamError
from streampay.daemon import state_file, stop_started

from .conftest import Command

#: Ends a test that would hang.
PATIENCE_S = 120.0
left = threading.Event()
events: list[dict[str, Any]] = []

BUYER = """
import sys, streampay
with streampay.Client(max="5000 sat") as client:
    for piece in client.stream_bytes("GET", sys.argv[1]):
        print("a piece", flush=True)
"""
SELLER = """
import streampay

@streampay.paid(price="1 sat/token")
def count(request):
    for word in request.text.split():
        yield word + " "
"""


@streampay.paid(price="1 sat/KiB")
async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            await asyncio.sleep(0.002)
            yield bytes(1024)
    finally:
        left.set()


@pytest.fixture(scope="module")
def url(command: Command) -> Iterator[str]:
    # The daemon of other tests is none of the programs' here.
    stop_started()
    with streampay.selling(endless, port=0, on_event=events.append) as sale:
        yield sale.url
    stop_started()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
        return True
    except httpx.TransportError:
        return False


def closed() -> list[dict[str, Any]]:
    return [event for event in list(events) if event["event"] == "closed"]


def buyer(tmp_path: Path, url: str) -> subprocess.Popen[str]:
    script = tmp_path / "buyer.py"
    script.write_text(BUYER)
    return subprocess.Popen([sys.executable, str(script), url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_is_ended_leaves_no_daemon_and_no_open_agreement(
    url: str, tmp_path: Path, number: signal.Signals
) -> None:
    left.clear()
    before = len(closed())
    program = buyer(tmp_path, url)
    assert program.stdout
    assert program.stdout.readline() == "a piece\n"
    daemon = streampay.find_daemon()
    assert daemon
    os.kill(program.pid, number)
    program.communicate(timeout=PATIENCE_S)
    assert program.returncode in (-number, 130, 1)
    assert left.wait(PATIENCE_S), "the seller works on for nobody"
    until(lambda: not answers(daemon.url), "the daemon goes on")
    until(lambda: not state_file().exists(), "the state file is left")
    # It closed its agreement before it ended: what was ahead comes back.
    until(lambda: len(closed()) > before, "its agreement was left open")


def test_a_daemon_that_is_killed_is_told_and_the_next_recovers(url: str) -> None:
    before = len(closed())
    used_before = streampay.Wallet()
    with streampay.Client(max="5000 sat") as client:
        stream = client.stream_bytes("GET", url)
        next(stream)
        pid = json.loads(state_file().read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(StreamError) as caught:
            for _ in stream:
                pass
        error = caught.value
        assert error.code == "stream-interrupted" and "recover" in error.hint
        agreement = error.details["agreement"]
        with pytest.raises(StreamError) as gone:
            client.get(url)
        assert (gone.value.code, gone.value.retryable) == ("daemon-missing", True)
    # A wallet starts the next by itself.
    with used_before as wallet:
        assert agreement in [one["agreement"] for one in wallet.agreements()], "what was paid is in the journal"
        until(lambda: agreement in [one["agreement"] for one in wallet.agreements("closed")], "nothing was recovered")
        until(lambda: len(closed()) > before, "the seller knows of no close")
        proof = wallet.statement(agreement)
        statement = streampay.wire.read_statement(proof["statement"])
        assert statement.paid >= statement.delivered + statement.returned


def serve(folder: Path, *args: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    (folder / "shop.py").write_text(SELLER)
    argv = [sys.executable, "-m", "streampay", "serve", "shop", "--port", "0", "--json", *args]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    assert program.stdout
    first = program.stdout.readline()
    assert first, program.communicate()[1]
    return program, json.loads(first)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_sale_from_the_command_line_ends_whole(command: Command, tmp_path: Path, number: signal.Signals) -> None:
    program, selling = serve(tmp_path, "--", "--log", str(tmp_path / "log"))
    try:
        assert (selling["event"], selling["price"]) == ("selling", "1 sat/token")
        if number != signal.SIGKILL:
            bought = command.get(selling["url"], "-d", "a b c", "-H", "content-type: text/plain")
            assert (bought.code, bought.end["delivered"]) == (0, "3000"), bought.stderr
            assert (tmp_path / "log").exists(), "what follows -- is for the gateway"
        os.kill(program.pid, number)
        _, said = program.communicate(timeout=PATIENCE_S)
        assert program.returncode == (0 if number != signal.SIGKILL else -9), said
    finally:
        program.kill()
    until(lambda: not answers(selling["url"]), "the gateway goes on")


def test_mistakes_on_the_command_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def app(environ, start_response): return []\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "streampay", "serve", *args]
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    for args, said in (
        (["app:app"], "an app takes a price"),
        (["app:app", "--price", "10 sat"], "is not a price"),
        (["nowhere:app", "--price", "1 sat/s"], "no module nowhere"),
        (["app:app", "--price", "1 sat/s", "--port", "0", "--", "--no-such-option"], "no-such-option"),
    ):
        done = run(*args)
        assert done.returncode in (1, 2) and said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
