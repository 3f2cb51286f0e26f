"""A WSGI app as an ASGI one: each request in a thread, its body pulled piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from .functions import _END, Receive, Scope, Send, _lifespan

WsgiApp = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]
#: Up to here an upload is kept in memory, and beyond it on disk.
_IN_MEMORY = 1 << 20


class AsgiOfWsgi:
    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            raise RuntimeError(f"a WSGI app answers http, not {scope['type']}")
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body.write(message.get("body", b""))
                if not message.get("more_body", False):
                    break
            length = body.tell()
            body.seek(0)
            await self._answer(_environ(scope, body, length), send)

    async def _answer(self, environ: dict[str, Any], send: Send) -> None:
        head: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., object]:
            if exc_info and head.get("sent"):
                raise exc_info[1].with_traceback(exc_info[2])
            head["status"] = int(status.split(" ", 1)[0])
            head["headers"] = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            return written.append

        written: list[bytes] = []
        result = await asyncio.to_thread(self._app, environ, start_response)
        try:
            chunks = iter(result)
            while True:
                # The next piece is asked for when this one has left, so that the work keeps pace with what is paid.
                chunk: Any = await asyncio.to_thread(next, chunks, _END)
                data = b"".join(written) + (b"" if chunk is _END else chunk)
                written.clear()
                if not head.get("sent") and (data or chunk is _END):
                    await send({"type": "http.response.start", "status": head["status"], "headers": head["headers"]})
                    head["sent"] = True
                if data or chunk is _END:
                    await send({"type": "http.response.body", "body": data, "more_body": chunk is not _END})
                if chunk is _END:
                    return
        finally:
            close = getattr(result, "close", None)
            if close:
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(close)


def _environ(scope: Scope, body: Any, length: int) -> dict[str, Any]:
    host, port = scope.get("server") or ("127.0.0.1", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode("utf-8").decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": (scope.get("client") or ("127.0.0.1", 0))[0],
        "CONTENT_LENGTH": str(length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper().replace("-", "_")
        if name == "CONTENT_LENGTH":
            continue
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
