"""What needs no process: streams as they come, errors, amounts, where the daemon is looked for."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path

import httpx
import pytest

import streampay
from streampay import Msat, StreamError
from streampay.__main__ import load
from streampay.api import amount_of
from streampay.command import find_command
from streampay.daemon import find_daemon, state_file
from streampay.errors import from_problem
from streampay.streams import Event, Events, Lines, Text, raise_for_event

TOKEN = "spt_" + "a" * 43


def cut(text: str, seed: int) -> list[str]:
    """In pieces of any length."""
    rng, pieces, at = random.Random(seed), [], 0
    while at < len(text):
        step = rng.randint(1, 5)
        pieces.append(text[at : at + step])
        at += step
    return pieces


@pytest.mark.parametrize("seed", range(30))
def test_events_come_out_however_they_are_cut(seed: int) -> None:
    stream = "\ufeff: a comment\r\ndata: one\r\ndata:two\r\n\r\nevent: named\rdata: \u2028x\r\rid: 7\ndata\n\nretry: 5\n\ndata: not whole"
    events = Events()
    found = [event for piece in cut(stream, seed) for event in events.push(piece)]
    assert found == [Event("message", "one\ntwo"), Event("named", "\u2028x"), Event("message", "", "7")]


@pytest.mark.parametrize("seed", range(30))
def test_lines_come_out_however_they_are_cut(seed: int) -> None:
    lines = Lines()
    found = [line for piece in cut("a\r\nb\n\nc\rd", seed) for line in lines.push(piece)]
    assert [*found, *lines.end()] == ["a", "b", "", "c", "d"]


def text_of(body: str, media_type: str) -> list[str]:
    reader = Text(httpx.Response(200, headers={"content-type": media_type}))
    data = body.encode()
    pieces = [piece for i in range(0, len(data), 3) for piece in reader.push(data[i : i + 3])]
    return [*pieces, *reader.push(b"", last=True)]


@pytest.mark.parametrize(
    ("media_type", "chunks", "texts"),
    [
        ("text/event-stream", [{"choices": [{"delta": {"role": "assistant"}}]}, {"choices": [{"delta": {"content": "é"}}]}], ["é"]),
        ("text/event-stream", [{"choices": [{"text": "a"}]}, {"choices": [], "usage": {"completion_tokens": 1}}], ["a"]),
        ("text/event-stream", [{"type": "response.output_text.delta", "delta": "a"}], ["a"]),
        ("text/event-stream", [{"type": "content_block_delta", "delta": {"text": "a"}}], ["a"]),
        ("application/x-ndjson", [{"response": "a", "done": False}, {"done": True, "eval_count": 1}], ["a"]),
        ("application/x-ndjson", [{"message": {"content": "a"}, "done": False}], ["a"]),
        ("text/event-stream", [{"temperature": 3}], ['{"temperature": 3}\n']),
    ],
)
def test_the_text_that_models_generate(media_type: str, chunks: list[object], texts: list[str]) -> None:
    start, end = ("data: ", "\n\n") if media_type == "text/event-stream" else ("", "\n")
    body = "".join(f"{start}{json.dumps(chunk)}{end}" for chunk in chunks)
    assert text_of(body, media_type) == texts


def test_plain_text_is_decoded_as_it_comes() -> None:
    assert "".join(text_of("grün €\n", "text/plain")) == "grün €\n"
    assert "".join(text_of("grün", "text/plain; charset=nonsense")) == "grün"


def test_a_stream_that_was_cut_ends_in_its_error() -> None:
    problem = {"type": "streampay", "code": "budget-exhausted", "detail": "it is used up", "paid": "5000", "received": "4000"}
    event = Event("message", json.dumps({"error": problem}, separators=(",", ":")))
    with pytest.raises(StreamError) as caught:
        raise_for_event(event)
    assert (caught.value.code, caught.value.paid, caught.value.received) == ("budget-exhausted", 5000, 4000)
    raise_for_event(Event("message", '{"error": {"type": "theirs"}}'))


def test_an_error_survives_pickling_and_says_what_to_do() -> None:
    error = StreamError("no-route", "no way there", {"paid": "0", "paymentHash": "ab"})
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.details, again.retryable) == (error.code, error.details, True)
    assert "Open a channel" in str(error) and (error.paid, error.received, error.payment_hash) == (0, None, "ab")


@pytest.mark.parametrize("document", [None, [], 7, {}, {"code": 3}, {"type": "urn:x"}, {"code": "no-such-code"}])
def test_what_is_no_problem_of_ours(document: object) -> None:
    assert from_problem(document) is None


def test_problems_are_bounded_and_a_later_versions_codes_are_kept() -> None:
    later = {"type": "urn:streampay:problem:brand-new", "code": "brand-new", "status": 418, "retryable": True, "detail": "x" * 9000}
    error = from_problem({**later, **{f"m{i}": "y" * 9000 for i in range(99)}, "paid": -1})
    assert error and (error.code, error.status, error.retryable, len(error.message)) == ("brand-new", 418, True, 2000)
    assert len(error.details) == 32 and max(map(len, error.details.values())) == 2000


def test_amounts() -> None:
    assert str(Msat(21_000)) == f"{Msat(21_000)}" == "21 sat" and f"{Msat(21_000):d}" == "21000"
    assert amount_of(21, None, None) == amount_of(None, "21 sat", None) == amount_of(None, None, 21_000) == 21_000
    for wrong in ((None, None, None), (1, "1 sat", None), (True, None, None), (-1, None, None)):
        with pytest.raises(StreamError):
            amount_of(*wrong)
    with pytest.raises(StreamError, match="part of one"):
        amount_of(0.5, None, None)  # type: ignore[arg-type]


def test_where_the_daemon_is_looked_for(tmp_path: Path) -> None:
    assert state_file({"STREAMPAY_HOME": "/h", "XDG_DATA_HOME": "/x"}) == Path("/h/proxy.json")
    assert state_file({"XDG_DATA_HOME": "/x"}) == Path("/x/streampay/proxy.json")
    assert state_file({}) == Path.home() / ".local/share/streampay/proxy.json"
    home = {"STREAMPAY_HOME": str(tmp_path)}
    assert find_daemon(home) is None
    assert find_daemon({"STREAMPAY_PROXY": "http://127.0.0.1:1/", "STREAMPAY_TOKEN": TOKEN}) == streampay.Daemon("http://127.0.0.1:1", TOKEN)
    state_file(home).write_text(json.dumps({"url": "http://127.0.0.1:2404", "pid": 1, "token": TOKEN}))
    found = find_daemon(home)
    assert found == streampay.Daemon("http://127.0.0.1:2404", TOKEN) and TOKEN not in repr(found)
    with pytest.raises(StreamError, match="STREAMPAY_TOKEN is not"):
        find_daemon({"STREAMPAY_PROXY": "http://127.0.0.1:1"})
    for broken in ("", "[]", "7", '{"url": 3}', json.dumps({"url": "http://x", "token": "a\nb"})):
        state_file(home).write_text(broken)
        with pytest.raises(StreamError) as caught:
            find_daemon(home)
        assert caught.value.code == "config-invalid", broken


def test_where_the_command_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_command({"STREAMPAY_COMMAND": "node 'a b.js'", "PATH": ""}) == ["node", "a b.js"]
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "streampay"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_command({"PATH": str(tmp_path / "bin")}) == [str(program)]
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with pytest.raises(StreamError) as caught:
        find_command({"PATH": ""})
    assert caught.value.code == "command-missing" and "npm install" in caught.value.hint
    local = tmp_path / "node_modules" / ".bin" / "streampay"
    local.parent.mkdir(parents=True)
    local.write_text("#!/bin/sh\n")
    assert find_command({"PATH": ""}) == [str(local)]


def test_nothing_is_started_where_it_was_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPAY_HOME", str(tmp_path))
    monkeypatch.delenv("STREAMPAY_PROXY", raising=False)
    with pytest.raises(StreamError) as caught:
        streampay.Wallet(start=False)
    assert caught.value.code == "daemon-missing"
    monkeypatch.setenv("STREAMPAY_COMMAND", "python3 -c 'import sys; sys.exit(3)'")
    with pytest.raises(StreamError) as ended:
        streampay.Wallet()
    assert "ended before it was up" in ended.value.message
    failing = 'import json; print(json.dumps({"event": "error", "code": "node-unreachable", "message": "no node", "hint": "h"}))'
    (tmp_path / "failing.py").write_text(failing)
    monkeypatch.setenv("STREAMPAY_COMMAND", f"python3 {tmp_path / 'failing.py'}")
    with pytest.raises(StreamError) as told:
        streampay.Wallet()
    assert (told.value.code, told.value.message, told.value.hint) == ("node-unreachable", "no node", "h")


def test_what_serve_finds_in_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = "import streampay\n@streampay.paid(price='1 sat/s')\ndef first(): return 'x'\n"
    (tmp_path / "sold_one.py").write_text(one)
    (tmp_path / "sold_two.py").write_text(one + "@streampay.paid(price='2 sat/s')\ndef second(): return 'y'\n")
    (tmp_path / "sold_none.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load("sold_one").name == "first"
    assert {path: paid.name for path, paid in load("sold_two").items()} == {"/first/**": "first", "/second/**": "second"}
    assert load("sold_two:second").name == "second"
    for wrong in ("sold_none", "sold_one:other", "no_such_module"):
        with pytest.raises(StreamError) as caught:
            load(wrong)
        assert caught.value.code == "option-invalid"
