"""The local process that holds the node and pays, `streampay proxy`: found, or started."""

from __future__ import annotations

import atexit
import json
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from .command import Process
from .errors import StreamError

API = "/.streampay/v1"

_POLL_S = 0.05
_START_S = 120.0
_MAX_STATE = 65_536
_TOKEN = re.compile(r"spt_[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True)
class Daemon:
    """Where it listens, and what opens it."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Daemon(url={self.url!r}, token=…)"


def state_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where a running `streampay proxy` says where it is: below STREAMPAY_HOME, or the user's data."""
    env = os.environ if environ is None else environ
    if env.get("STREAMPAY_HOME"):
        return Path(env["STREAMPAY_HOME"]) / "proxy.json"
    data = env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "streampay" / "proxy.json"


def find_daemon(environ: Mapping[str, str] | None = None) -> Daemon | None:
    """By STREAMPAY_PROXY and STREAMPAY_TOKEN, or else by the state file. Whether it answers is not asked.

    :raises StreamError: ``option-invalid`` for one of the two without the other, ``config-invalid`` for a file that cannot be read
    """
    env = os.environ if environ is None else environ
    url, token = env.get("STREAMPAY_PROXY"), env.get("STREAMPAY_TOKEN")
    if url and token:
        return Daemon(url.rstrip("/"), token)
    if url:
        raise StreamError("option-invalid", "STREAMPAY_PROXY is set, and STREAMPAY_TOKEN is not")
    file = state_file(env)
    try:
        with file.open(encoding="utf-8") as opened:
            state = json.loads(opened.read(_MAX_STATE))
        found = Daemon(state["url"].rstrip("/"), token or state["token"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StreamError("config-invalid", f"{file} is not what `streampay proxy` writes: {error}") from error
    if not _TOKEN.fullmatch(found.token):
        raise StreamError("config-invalid", f"{file} holds no token")
    return found


def answers(daemon: Daemon) -> bool:
    """Whether it is there, and the token opens it."""
    headers = {"authorization": f"Bearer {daemon.token}"}
    try:
        # trust_env: a proxy for the rest of the world is none for this machine.
        with httpx.Client(trust_env=False, timeout=10) as client:
            return client.get(f"{daemon.url}{API}/status", headers=headers).status_code == 200
    except httpx.HTTPError:
        return False


_starting = threading.Lock()
_started: list[Process] = []


def ensure_daemon(*, start: bool = True, node: str | None = None, port: int | None = None) -> Daemon:
    """One that answers: found, or started, and then ended with this process.

    :raises StreamError: ``daemon-missing``, ``command-missing``, or what kept it from starting
    """
    with _starting:
        found = find_daemon()
        if found and answers(found):
            return found
        if not start or os.environ.get("STREAMPAY_PROXY"):
            where = "at STREAMPAY_PROXY" if os.environ.get("STREAMPAY_PROXY") else f"by {state_file()}"
            raise StreamError(
                "daemon-missing",
                f"no `streampay proxy` is found {where}",
                hint="Start one: `streampay proxy`.",
                retryable=False,
            )
        return _start(node, port)


def _start(node: str | None, port: int | None) -> Daemon:
    said: list[str] = []
    listening = threading.Event()

    def line(text: str) -> None:
        if len(said) < 200:
            said.append(text)
        if '"event":"listening"' in text:
            listening.set()

    args = ["proxy", "--json"]
    args += [] if node is None else ["--node", node]
    # One that has to share its port with nobody: programs find it by the state file.
    args += ["--port", str(port or 0)]
    process = Process(args, on_line=line)
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        # Two programs may have started one each: the first to write the file is the one that both use.
        found = find_daemon() if listening.wait(_POLL_S) else None
        if found and answers(found):
            if '"found":false' in "".join(said):
                process.stop()
                return found
            if not _started:
                atexit.register(stop_started)
            _started.append(process)
            return found
        if process.exit_code is not None:
            process.wait()
            raise _failure(said, process.said)
        if listening.is_set():
            time.sleep(_POLL_S)
    process.stop()
    raise StreamError("daemon-missing", f"`streampay proxy` did not come up in {_START_S:.0f} s: {process.said[-500:]}")


def _failure(said: list[str], stderr: str) -> StreamError:
    for line in reversed(said):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "error" and isinstance(event.get("code"), str):
            message, hint = event.get("message"), event.get("hint")
            return StreamError(event["code"], str(message), hint=hint if isinstance(hint, str) else None)
    return StreamError("daemon-missing", f"`streampay proxy` ended before it was up: {stderr[-500:].strip()}")


def stop_started() -> None:
    """Ends the daemons that this process started, in good order: they close their agreements."""
    while _started:
        _started.pop().stop()
