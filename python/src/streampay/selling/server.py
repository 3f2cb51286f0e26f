"""A small HTTP/1.1 server for one ASGI app, on this machine only: the gateway in front of it is all that asks.

It holds as little as it can of what the app makes, so that an app which is pulled stands still while nothing is paid.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from typing import Any
from urllib.parse import unquote

import h11

from .functions import Message, Receive, Scope, Send

_log = logging.getLogger("streampay")
_READ = 65_536
#: Of the kernel, for each connection: what lies here was made and may never be paid for.
_SEND_BUFFER = 16_384
_MAX_HEAD = 65_536
_SHUTDOWN_S = 10.0


class Disconnected(OSError):
    """The gateway has left, so nothing more can be sent (ASGI, "Send Errors")."""


class AppServer:
    """Serves an app in a thread of its own, from `start` to `stop`."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="streampay-app", daemon=True)
        self._listening = threading.Event()
        self._failed: BaseException | None = None
        self._ending = asyncio.Event()
        self._port = 0

    def start(self) -> str:
        """:returns: its URL on this machine"""
        self._thread.start()
        self._listening.wait()
        if self._failed:
            raise self._failed
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to whoever starts it
            self._failed = error
        finally:
            self._listening.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        async with _Lifespan(self._app):
            connections: set[asyncio.Task[None]] = set()

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task
                connections.add(task)
                try:
                    await _Connection(self._app, reader, writer).serve()
                except (OSError, asyncio.CancelledError):
                    pass
                finally:
                    connections.discard(task)
                    writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_READ)
            self._port = server.sockets[0].getsockname()[1]
            self._listening.set()
            await self._ending.wait()
            server.close()
            for task in list(connections):
                task.cancel()
            if connections:
                await asyncio.wait(connections, timeout=_SHUTDOWN_S)


class _Connection:
    """One connection of the gateway: request after request, one at a time."""

    def __init__(self, app: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._app, self._reader, self._writer = app, reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._gone = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=0)
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def serve(self) -> None:
        while True:
            try:
                request = await self._event()
            except h11.RemoteProtocolError as error:
                if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    await self._write(h11.Response(status_code=error.error_status_hint, headers=[]))
                return
            if not isinstance(request, h11.Request):
                return
            await self._request(request)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ))
                continue
            return event

    async def _request(self, request: h11.Request) -> None:
        exchange = _Exchange(self)
        task = asyncio.ensure_future(self._app(_scope(request, self._writer), exchange.receive, exchange.send))
        try:
            await task
        except (Disconnected, asyncio.CancelledError):
            if not self._gone.is_set():
                raise
        except Exception:
            _log.exception("the app failed while it answered")
            if self._http.our_state is h11.SEND_RESPONSE and not exchange.started:
                await self._write(h11.Response(status_code=500, headers=[("content-length", "0")]))
                await self._write(h11.EndOfMessage())
        finally:
            await exchange.close()
        # An upload that was not read is not read now: the connection ends, and the gateway makes another.

    async def _write(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


class _Exchange:
    """`receive` and `send` of one request."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._body_read = False
        self._watching: asyncio.Task[None] | None = None
        self._expects_trailers = False
        self._ended = asyncio.Event()
        self.started = False

    async def receive(self) -> Message:
        http = self._connection._http
        if not self._body_read and not self._connection._gone.is_set():
            if http.they_are_waiting_for_100_continue:
                await self._connection._write(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                event = await self._connection._event()
            except (h11.RemoteProtocolError, OSError):
                event = h11.ConnectionClosed()
            if isinstance(event, h11.Data):
                return {"type": "http.request", "body": bytes(event.data), "more_body": True}
            self._body_read = True
            if isinstance(event, h11.EndOfMessage):
                self._watching = asyncio.ensure_future(self._watch())
                return {"type": "http.request", "body": b"", "more_body": False}
            self._connection._gone.set()
        await _first_of(self._connection._gone, self._ended)
        return {"type": "http.disconnect"}

    async def _watch(self) -> None:
        """Sees that the gateway leaves. What it sends early, which it does not, is kept for the next request."""
        connection = self._connection
        kept = 0
        while kept < _READ:
            try:
                data = await connection._reader.read(_READ)
            except OSError:
                data = b""
            connection._http.receive_data(data)
            kept += len(data)
            if not data:
                connection._gone.set()
                return

    async def send(self, message: Message) -> None:
        connection = self._connection
        if connection._gone.is_set():
            raise Disconnected("the gateway has left")
        kind = message["type"]
        try:
            if kind == "http.response.start":
                self._expects_trailers = message.get("trailers", False)
                headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", [])]
                self.started = True
                await connection._write(h11.Response(status_code=message["status"], headers=headers))
            elif kind == "http.response.body":
                body = message.get("body", b"")
                if body:
                    await connection._write(h11.Data(data=bytes(body)))
                if not message.get("more_body", False) and not self._expects_trailers:
                    await self._end([])
            elif kind == "http.response.trailers":
                await self._end([(bytes(name), bytes(value)) for name, value in message.get("headers", [])])
            else:
                raise RuntimeError(f"an app sends no {kind} here")
        except (ConnectionError, TimeoutError) as error:
            connection._gone.set()
            raise Disconnected(str(error)) from error

    async def _end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        await self._connection._write(h11.EndOfMessage(headers=trailers))
        self._ended.set()

    async def close(self) -> None:
        self._ended.set()
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _scope(request: h11.Request, writer: asyncio.StreamWriter) -> Scope:
    raw_path, _, query = bytes(request.target).partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.http_version.decode(),
        "method": request.method.decode(),
        "scheme": "http",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(bytes(name), bytes(value)) for name, value in request.headers],
        "client": writer.get_extra_info("peername")[:2],
        "server": writer.get_extra_info("sockname")[:2],
        "extensions": {"http.response.trailers": {}},
        "state": {},
    }


class _Lifespan:
    """The app's start and end, where it has such (ASGI, "Lifespan Protocol")."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._in: asyncio.Queue[Message] = asyncio.Queue()
        self._out: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        receive: Receive = self._in.get
        send: Send = self._out.put
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, receive, send))
        await self._in.put({"type": "lifespan.startup"})
        answer = await self._answer()
        if answer and answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"the app did not start: {answer.get('message', '')}")

    async def __aexit__(self, *_: object) -> None:
        if self._task and not self._task.done():
            await self._in.put({"type": "lifespan.shutdown"})
            await self._answer()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task

    async def _answer(self) -> Message | None:
        """``None`` for an app that knows nothing of this: it ends, or raises."""
        assert self._task
        got = asyncio.ensure_future(self._out.get())
        await asyncio.wait({self._task, got}, return_when=asyncio.FIRST_COMPLETED)
        if got.done():
            return got.result()
        got.cancel()
        return None
