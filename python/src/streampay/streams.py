"""Bodies as they come: text, server-sent events, and what a language model generated."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from .errors import StreamError, from_problem

#: An event or a line that is longer than this is not one.
_MAX_LINE = 16 << 20


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    event: str
    data: str
    id: str = ""

    def json(self) -> object:
        """:raises ValueError: where its data is no JSON"""
        value: object = json.loads(self.data)
        return value


class Lines:
    """Cuts text into lines at CRLF, LF or CR, however it comes in pieces."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._after_cr = False

    def push(self, text: str) -> Iterable[str]:
        for piece in _split(text):
            if self._after_cr and piece == "\n":
                self._after_cr = False
                continue
            self._after_cr = piece.endswith("\r")
            whole = piece.rstrip("\r\n")
            self._parts.append(whole)
            self._length += len(whole)
            if self._length > _MAX_LINE:
                raise StreamError("seller-failed", f"a line of the answer has more than {_MAX_LINE} characters")
            if whole != piece:
                yield self._take()

    def end(self) -> Iterable[str]:
        if self._parts:
            yield self._take()

    def _take(self) -> str:
        line = "".join(self._parts)
        self._parts, self._length = [], 0
        return line


def _split(text: str) -> Iterable[str]:
    """As `str.splitlines`, but at nothing that is no line end in a stream of events (U+2028, form feeds, …)."""
    start = 0
    for i, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[i + 1 : i + 2] != "\n"):
            yield text[start : i + 1]
            start = i + 1
    if start < len(text):
        yield text[start:]


class Events:
    """Reads server-sent events (WHATWG HTML, section 9.2.6) as they come."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._event, self._id, self._data = "", "", list[str]()
        self._first = True

    def push(self, text: str) -> Iterable[Event]:
        if self._first and text:
            text, self._first = text.removeprefix("\ufeff"), False
        for line in self._lines.push(text):
            yield from self._line(line)

    def _line(self, line: str) -> Iterable[Event]:
        if line == "":
            if self._data:
                yield Event(self._event or "message", "\n".join(self._data), self._id)
            self._event, self._data = "", []
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value


class Text:
    """The text of an answer as it comes. Of events and of JSON lines: what a model generated."""

    def __init__(self, response: httpx.Response) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = response.charset_encoding or "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding if _is_known(encoding) else "utf-8")(errors="replace")
        self._events = Events() if kind == "text/event-stream" else None
        self._lines = Lines() if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl") else None

    def push(self, data: bytes, *, last: bool = False) -> Iterable[str]:
        text = self._decoder.decode(data, last)
        if self._events:
            for event in self._events.push(text):
                raise_for_event(event)
                yield from _generated(event.data)
        elif self._lines:
            for line in (*self._lines.push(text), *(self._lines.end() if last else ())):
                yield from _generated(line)
        elif text:
            yield text


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
        return True
    except LookupError:
        return False


def raise_for_event(event: Event) -> None:
    """:raises StreamError: for the event with which a stream ends that was cut"""
    # It is the daemon that says so, in the way in which servers of OpenAI's interface tell of an error.
    if '"type":"streampay"' not in event.data:
        return
    try:
        value = event.json()
    except ValueError:
        return
    error = value.get("error") if isinstance(value, dict) else None
    problem = from_problem(error)
    if problem:
        raise problem


def _generated(data: str) -> Iterable[str]:
    """The generated text of one event or line of a model's server; of anything else, all of it."""
    if data == "" or data == "[DONE]":
        return
    try:
        value = json.loads(data)
    except ValueError:
        yield data + "\n"
        return
    if not isinstance(value, dict) or not _MODELS.intersection(value):
        yield data + "\n"
        return
    for text in _texts(value):
        if isinstance(text, str) and text:
            yield text


#: Members by which the answers of OpenAI's, Anthropic's and Ollama's interfaces are known.
_MODELS = frozenset({"choices", "response", "message", "delta", "eval_count", "usage"})


def _texts(value: dict[str, object]) -> Iterable[object]:
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            delta = choice.get("delta")
            yield delta.get("content") if isinstance(delta, dict) else choice.get("text")
    yield value.get("response")
    for name, member in (("message", "content"), ("delta", "text")):
        part = value.get(name)
        if isinstance(part, dict):
            yield part.get(member)
        elif name == "delta":
            yield part
