"""The examples of the READMEs run as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import streampay

from .conftest import REPOSITORY, Command
from .test_client import file, talk

ROOT_README = REPOSITORY / "README.md"
OWN_README = REPOSITORY / "python" / "README.md"
ERRORS = REPOSITORY / "docs" / "errors.md"
URL = "https://seller.example/v1/chat/completions"

pytestmark = pytest.mark.skipif(not ROOT_README.is_file() or not OWN_README.is_file(), reason="there is no clone around this")


def blocks(file: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", file.read_text("utf-8"), flags=re.M | re.S)


def block(file: Path, holds: str) -> str:
    [found] = [text for text in blocks(file) if holds in text]
    return found


def run(script: str, folder: Path) -> str:
    (folder / "example.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    argv = [sys.executable, "example.py"]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_clone_shows_of_python(command: Command, tmp_path: Path) -> None:
    said = run(block(ROOT_README, "streampay.selling"), tmp_path)
    assert said.startswith("rain falls from warm wet air 21000 "), said


def test_a_client(command: Command, tmp_path: Path) -> None:
    script = block(OWN_README, "stream_text")
    # The one thing that is not as printed: there is no seller.example here.
    assert URL in script
    with streampay.selling(talk, port=0) as sale:
        said = run(script.replace(URL, sale.url).replace('"stream": True', '"count": 5'), tmp_path)
    assert said == "rain falls where warm wet "


def test_a_wallet(command: Command, tmp_path: Path) -> None:
    lines = run(block(OWN_README, "create_invoice"), tmp_path).splitlines()
    assert lines[0].startswith("lnbcrt210n1") and lines[1:3] == ["21000", "False"]
    assert streampay.parse_amount(lines[3]) >= 0


def test_a_sale(command: Command, tmp_path: Path) -> None:
    script = block(OWN_README, "__main__")
    (tmp_path / "app.py").write_text(script)
    argv = [sys.executable, "-m", "streampay", "serve", "app", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = subprocess.Popen(argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert program.stderr
        match = re.search(r"selling at (http://\S+);", program.stderr.readline())
        assert match
        bought = command.get(match[1], "-d", "rain falls", "-H", "content-type: text/plain")
        assert bought.end["delivered"] == "2000", bought.stderr
    finally:
        program.terminate()
        assert program.wait(60) == 0


def test_every_example_is_run() -> None:
    assert len(blocks(OWN_README)) == 3
    assert len(blocks(ROOT_README)) == 1


USE_PATIENTLY = """
with streampay.Client(max="100 sat") as client:
    print(len(read_patiently(client, URL)))
with streampay.Client(max="100 sat", max_price="1 msat/KiB") as client:
    try:
        read_patiently(client, URL)
    except streampay.StreamError as error:
        print(error.code, error.retryable)
"""


def test_acting_on_errors(command: Command, tmp_path: Path) -> None:
    script = block(ERRORS, "read_patiently")
    with streampay.selling(file, port=0) as sale:
        said = run(script + USE_PATIENTLY.replace("URL", repr(sale.url)), tmp_path)
    assert said == f"{256 * 32}\nprice-too-high False\n"
