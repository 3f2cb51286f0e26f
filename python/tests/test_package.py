"""What is installed: typed, of Python alone, and no more than is needed."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import streampay


def needs(name: str, seen: set[str]) -> set[str]:
    """A distribution and all that it needs on this machine, without extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return seen
    try:
        wanted = metadata.requires(key) or []
    except metadata.PackageNotFoundError:
        return seen
    seen.add(key)
    for requirement in wanted:
        if "extra ==" not in requirement:
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert match
            needs(match[0], seen)
    return seen


def test_it_is_installed_and_needs_httpx_alone() -> None:
    assert [line for line in metadata.requires("streampay") or [] if "extra ==" not in line] == ["httpx<1,>=0.25"]
    assert metadata.version("streampay") == streampay.__version__


def test_nothing_native_comes_with_it() -> None:
    native = [
        str(file)
        for name in needs("streampay", set())
        for file in metadata.files(name) or []
        if file.suffix in (".so", ".pyd", ".dylib")
    ]
    assert native == []


def test_it_says_that_it_is_typed() -> None:
    assert (Path(streampay.__file__).parent / "py.typed").is_file()


def test_every_public_name_is_there_and_documented() -> None:
    for name in streampay.__all__:
        assert getattr(streampay, name).__doc__, name
