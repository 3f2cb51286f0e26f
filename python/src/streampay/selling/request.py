"""What a sold function is called with, and what it may answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import responses
from urllib.parse import parse_qsl

from ..errors import PROBLEM_TYPE, StreamError, to_problem
from ..money import Msat, to_msat

#: A body is read whole before a function is called with it.
MAX_BODY = 16 << 20


@dataclass
class Request:
    """A request that is paid for. Its body is here already, whole."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    _units: int = field(default=0, repr=False)
    _cost: int = field(default=0, repr=False)

    @property
    def query(self) -> dict[str, str]:
        """Of a name that is there several times, the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def text(self) -> str:
        """:raises StreamError: ``request-refused`` for a body that is not UTF-8"""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise StreamError("request-refused", "the request's body is not UTF-8") from error

    def json(self) -> object:
        """:raises StreamError: ``request-refused``, which the buyer gets as a 400 and for nothing"""
        try:
            value: object = json.loads(self.body)
        except ValueError as error:
            raise StreamError("request-refused", "the request's body is not JSON") from error
        return value

    def add(self, units: int = 1) -> None:
        """Counts units of your own: of a price such as "5 sat/image"."""
        if units < 0:
            raise StreamError("option-invalid", "units are counted upwards")
        self._units += units

    def charge(self, amount: str | int) -> None:
        """Adds to what this request costs, up to the price's ``extra``."""
        self._cost += int(to_msat(amount))

    def counted(self) -> list[tuple[str, str]]:
        """The headers, or trailers, by which the gateway is told."""
        told = [("stream-units", str(self._units))] if self._units else []
        return told + ([("stream-cost", f"{Msat(self._cost):d} msat")] if self._cost else [])


Chunk = str | bytes | Mapping[str, object]
Body = str | bytes | Mapping[str, object] | Sequence[object] | None | Iterable[Chunk] | AsyncIterable[Chunk]


@dataclass
class Response:
    """An answer with more than a body. An answer that is no 2xx costs nothing."""

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None


def is_stream(body: object) -> bool:
    whole = isinstance(body, (str, bytes, bytearray, dict, list, tuple))
    return body is not None and not whole and (hasattr(body, "__aiter__") or hasattr(body, "__iter__"))


@dataclass(frozen=True)
class Format:
    """How what a function yields is sent."""

    media_type: str
    kind: str

    @staticmethod
    def of(media_type: str | None, unit: str | None, first: object) -> Format:
        """
        :param media_type: as it was asked for
        :param unit: of the price. By the token, every text that is yielded is one: an event in the shape of OpenAI's chat
        :param first: what is yielded first
        """
        if media_type is None and unit == "token" and not isinstance(first, bytes):
            media_type = "text/event-stream"
        if media_type is None:
            text = "text/plain; charset=utf-8" if isinstance(first, str) else "application/octet-stream"
            media_type = "application/x-ndjson" if isinstance(first, dict) else text
        essence = media_type.partition(";")[0].strip().lower()
        kind = {"text/event-stream": "events", "application/x-ndjson": "lines"}.get(essence, "plain")
        return Format(media_type, kind)

    def encode(self, chunk: object) -> bytes:
        if isinstance(chunk, (bytes, bytearray)):
            return bytes(chunk)
        if self.kind == "events":
            data = chat_chunk(chunk) if isinstance(chunk, str) else chunk
            return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
        if self.kind == "lines" or isinstance(chunk, dict):
            return (json.dumps(chunk, ensure_ascii=False) + "\n").encode()
        if isinstance(chunk, str):
            return chunk.encode()
        raise TypeError(f"a sold function yields str, bytes or dict, not {type(chunk).__name__}")

    @property
    def end(self) -> bytes:
        return b"data: [DONE]\n\n" if self.kind == "events" else b""


def chat_chunk(text: str) -> dict[str, object]:
    """One token in the shape that clients of OpenAI's interface read."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def whole(body: object, media_type: str | None) -> tuple[bytes, str | None]:
    """A body that is no stream, and its type."""
    if body is None:
        return b"", None
    if isinstance(body, (bytes, bytearray)):
        return bytes(body), media_type or "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), media_type or "text/plain; charset=utf-8"
    if isinstance(body, (dict, list, tuple)):
        return json.dumps(body, ensure_ascii=False).encode(), media_type or "application/json"
    raise TypeError(f"a sold function answers str, bytes, dict, list or a Response, not {type(body).__name__}")


def problem(status: int, title: str, detail: str) -> Response:
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(json.dumps(document), status, media_type=PROBLEM_TYPE)


def problem_of(error: StreamError) -> Response:
    status = error.status if 400 <= error.status < 600 else 500
    return Response(json.dumps(to_problem(error)), status, media_type=PROBLEM_TYPE)


def reason(status: int) -> str:
    return responses.get(status, "Unknown")
