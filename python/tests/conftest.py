"""Real processes: the command from the sources beside this folder, or the one that STREAMPAY_COMMAND names."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streampay.command import find_command
from streampay.daemon import stop_started

REPOSITORY = Path(__file__).parents[2]
MAIN = REPOSITORY / "src" / "cli" / "main.ts"
NODE = REPOSITORY / "node_modules" / ".bin" / "node"


@dataclass(frozen=True)
class Bought:
    code: int
    body: bytes
    events: list[dict[str, Any]]
    stderr: str

    @property
    def end(self) -> dict[str, Any]:
        return next(event for event in reversed(self.events) if event.get("event") == "end")

    @property
    def error(self) -> dict[str, Any]:
        return next(event for event in self.events if event.get("event") == "error")


@dataclass(frozen=True)
class Command:
    """The command, on a private chain of this test session."""

    argv: list[str]
    home: Path

    def get(self, url: str, *args: str) -> Bought:
        """Buys as a person would, with a node of its own."""
        output = self.home / "body"
        output.unlink(missing_ok=True)
        argv = [*self.argv, "get", url, "--json", "-o", str(output), *args]
        done = subprocess.run(argv, capture_output=True, timeout=120, check=False)
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        body = output.read_bytes() if output.exists() else b""
        return Bought(done.returncode, body, events, done.stderr.decode())


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home = tmp_path_factory.mktemp("streampay")
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith("STREAMPAY_") and name not in ("STREAMPAY_COMMAND", "STREAMPAY_CACHE"):
            patch.delenv(name)
    patch.setenv("STREAMPAY_HOME", str(home / "state"))
    if "STREAMPAY_COMMAND" not in os.environ and MAIN.is_file() and NODE.exists():
        patch.setenv("STREAMPAY_COMMAND", shlex.join([str(NODE), str(MAIN)]))
    try:
        argv = find_command()
    except Exception as error:
        patch.undo()
        pytest.skip(f"there is no streampay command here: {error}")
    yield Command(argv, home)
    stop_started()
    patch.undo()
