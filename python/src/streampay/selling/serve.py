"""A sale: the app on this machine, and the gateway in front of it that is paid."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..command import Process
from ..errors import StreamError
from .door import KEY_HEADER, KEY_VARIABLE
from .paid import Paid, PaidApp, paid_app
from .server import AppServer

Sold = Any
Event = dict[str, Any]
_START_S = 120.0


class Sale:
    """What is being sold. Use it by `with streampay.selling(…) as sale`, or `streampay.serve(…)`."""

    def __init__(self, *, url: str, process: Process, servers: list[AppServer], folder: tempfile.TemporaryDirectory[str]):
        self.url = url
        """Where buyers ask."""
        self._process, self._servers, self._folder = process, servers, folder

    @property
    def is_running(self) -> bool:
        return self._process.exit_code is None

    def wait(self) -> int:
        """Waits for the gateway's end. It only ends when it is told to, or cannot go on."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the sale in good order: running answers get a second, returns are paid."""
        try:
            self._process.stop()
        finally:
            for server in self._servers:
                server.stop()
            self._folder.cleanup()


def start_sale(
    sold: Sold | Mapping[str, Sold],
    *,
    price: str | Mapping[str, str] | None = None,
    host: str = "127.0.0.1",
    port: int = 2402,
    node: str | None = None,
    cert: str | os.PathLike[str] | None = None,
    key: str | os.PathLike[str] | None = None,
    args: list[str] | None = None,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Sale:
    """Starts it, and returns when buyers can come. :func:`serve` has what the arguments mean."""
    routes = sold if isinstance(sold, Mapping) else {"/**": sold}
    if not routes:
        raise StreamError("option-invalid", "nothing is sold")
    offered = [(path, _offered(what, price, options)) for path, what in routes.items()]
    shown = secrets.token_hex(32)
    servers: list[AppServer] = []
    # Its name holds no secret, and the file none either: the key is in the gateway's environment alone.
    folder = tempfile.TemporaryDirectory(prefix="streampay-")
    try:
        rows = []
        names: set[str] = set()
        for path, what in offered:
            server = AppServer(what.asgi_for(shown))
            upstream = server.start()
            servers.append(server)
            name = _unused(what.name if isinstance(what, Paid) or len(offered) == 1 else _name_of(path), names)
            names.add(name)
            headers = {KEY_HEADER: f"env:{KEY_VARIABLE}"}
            rows.append({"name": name, "path": path, "upstream": upstream, "upstreamHeaders": headers, **what.terms.route()})
        file = Path(folder.name) / "gateway.json"
        file.write_text(json.dumps({"routes": rows}, indent=2), "utf-8")
        command = ["sell", "--config", str(file), "--json", "--host", host, "--port", str(port)]
        for name, value in (("--node", node), ("--cert", cert), ("--key", key)):
            command += [] if value is None else [name, os.fspath(value)]
        url, process = _gateway([*command, *(args or [])], shown, on_event)
    except BaseException:
        for server in servers:
            server.stop()
        folder.cleanup()
        raise
    return Sale(url=url, process=process, servers=servers, folder=folder)


def _offered(what: Sold, price: str | Mapping[str, str] | None, options: Mapping[str, Any]) -> Paid[Any, Any] | PaidApp:
    if isinstance(what, (Paid, PaidApp)):
        if price is not None or options:
            raise StreamError("option-invalid", "its price is said where it is made: by @paid, or paid_app")
        return what
    if price is None:
        raise StreamError("price-invalid", "an app takes a price, such as price='10 sat/s'")
    return paid_app(what, price=price, **options)


def _unused(name: str, names: set[str]) -> str:
    return next(made for i in range(1, 1000) if (made := name if i == 1 else f"{name[:44]}-{i}") not in names)


def _name_of(path: str) -> str:
    parts = [part for part in path.lower().replace("*", "").split("/") if part]
    name = "-".join("".join(letter for letter in part if letter.isascii() and letter.isalnum()) for part in parts)[:48]
    return name if name[:1].isalpha() else "app"


def _gateway(command: list[str], shown: str, on_event: Callable[[Event], None] | None) -> tuple[str, Process]:
    came = threading.Event()
    first: dict[str, Event] = {}

    def line(text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            return
        kind = event.get("event")
        if kind in ("selling", "error"):
            first.setdefault(kind, event)
            came.set()
        if on_event:
            on_event(event)

    process = Process(command, env={KEY_VARIABLE: shown}, on_line=line)
    try:
        end = time.monotonic() + _START_S
        while not came.wait(0.1) and process.exit_code is None and time.monotonic() < end:
            pass
        if process.exit_code is not None:
            process.wait()
    except BaseException:
        process.stop()
        raise
    if "selling" in first and process.exit_code is None:
        return str(first["selling"]["url"]), process
    said = process.said
    process.stop()
    if "error" in first:
        error = first["error"]
        raise StreamError(str(error.get("code")), str(error.get("message")), hint=str(error.get("hint", "")))
    raise StreamError("gateway-failed", f"`streampay sell` did not come up: {said[-500:].strip()}", hint="")


@contextlib.contextmanager
def selling(sold: Sold | Mapping[str, Sold], **options: Any) -> Iterator[Sale]:
    """Sells while the block runs. The arguments are those of :func:`serve`.

    >>> with streampay.selling(generate, port=0) as sale:      # doctest: +SKIP
    ...     print(sale.url)
    """
    sale = start_sale(sold, **options)
    try:
        yield sale
    finally:
        sale.stop()


def serve(sold: Sold | Mapping[str, Sold], *, quiet: bool = False, **options: Any) -> None:
    """Sells a function, an app, or several by their paths, until Ctrl-C.

    It serves the app on a free port of this machine, which answers nobody but the gateway; and it starts the gateway in front of
    it, `streampay sell` (docs/gateway.md), which counts, is paid, and lets pass what is paid for. Both end together.

    :param sold: what :func:`paid` or :func:`paid_app` made, or an app with ``price``; or ``{"/v1/*": one, "/images/**": another}``
    :param price: of an app that has none of its own
    :param host: where the gateway listens: this machine alone by default, and elsewhere only with ``cert`` and ``key``
    :param port: 2402 by default, 0 for a free one. The gateway's ledger belongs to it
    :param node: who is paid, as `--node` (docs/cli.md#nodes); `STREAMPAY_NODE`, or a node for trying out
    :param cert: PEM files: https, with ``key``
    :param args: more of `streampay sell`'s options, such as ``["--dashboard"]``
    :param on_event: called with each of its events (docs/cli.md#json), in a thread of its own
    :param quiet: prints nothing
    :raises StreamError: what keeps it from starting, such as ``command-missing`` or ``option-invalid``
    """
    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    ended = threading.Event()
    previous = _on_signals(ended)
    try:
        sale = start_sale(sold, **options)
        try:
            say(f"  selling at {sale.url}; Ctrl-C stops")
            while not ended.wait(0.2) and sale.is_running:
                pass
            gone = not sale.is_running
        except KeyboardInterrupt:
            gone = False
        finally:
            say("  stopping")
            sale.stop()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if gone:
        raise StreamError("gateway-failed", "`streampay sell` ended by itself", hint="Its events say why: on_event=print.")


def _on_signals(ended: threading.Event) -> dict[int, Any]:
    """SIGTERM ends a sale in good order too, where signals can be heard."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
