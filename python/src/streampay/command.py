"""The `streampay` command of Node.js: where it is, and a process of it that ends with this one."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .errors import StreamError

_MAX_SAID = 20_000


def find_command(environ: Mapping[str, str] | None = None) -> list[str]:
    """`STREAMPAY_COMMAND`; else `streampay` on PATH; else that of the nearest `node_modules`, as npx would. Nothing is downloaded.

    :raises StreamError: ``command-missing``
    """
    env = os.environ if environ is None else environ
    if env.get("STREAMPAY_COMMAND"):
        return shlex.split(env["STREAMPAY_COMMAND"])
    found = shutil.which("streampay", path=env.get("PATH"))
    if found:
        return [found]
    here = Path.cwd()
    for folder in (here, *here.parents):
        local = folder / "node_modules" / ".bin" / ("streampay.cmd" if sys.platform == "win32" else "streampay")
        if local.is_file():
            return [str(local)]
    raise StreamError(
        "command-missing",
        "the command `streampay` is not on PATH, nor in a node_modules folder here or above",
        hint="Install it with `npm install -g streampay` (Node.js 22.13 or newer), or name it in STREAMPAY_COMMAND.",
        retryable=False,
    )


class Process:
    """The command, running. It ends, in good order, when it is told to or when this process is gone."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self._said = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "streampay.supervise", *find_command(), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **_importable(), **(env or {})},
        )
        self._owner = os.getpid()
        self._reader = threading.Thread(target=self._read, args=(on_line or (lambda _: None),), daemon=True)
        self._reader.start()

    def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._child.stdout
        for line in self._child.stdout:
            on_line(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def exit_code(self) -> int | None:
        return self._child.poll()

    @property
    def said(self) -> str:
        """The end of what it wrote to stderr."""
        with contextlib.suppress(ValueError, OSError):
            self._said.flush()
            size = os.fstat(self._said.fileno()).st_size
            return os.pread(self._said.fileno(), _MAX_SAID, max(0, size - _MAX_SAID)).decode("utf-8", "replace")
        return ""

    def wait(self, timeout_s: float | None = None) -> int:
        code = self._child.wait(timeout_s)
        self._reader.join(5)
        return code

    def stop(self) -> int:
        """Lets it end in good order, and waits for that."""
        # A process that was forked from this one must not end what belongs to its parent.
        if os.getpid() != self._owner:
            return 0
        if self._child.stdin:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        code = self.wait()
        if self._child.stdout:
            self._child.stdout.close()
        self._said.close()
        return code


def _importable() -> dict[str, str]:
    """So that the supervisor finds this package where it was found."""
    folder = str(Path(__file__).parents[1])
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": folder if not path else f"{folder}{os.pathsep}{path}"}
