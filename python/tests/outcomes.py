"""A plugin of pytest: `--outcomes FILE` writes each test's name with how it ended, for whoever runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_outcomes: dict[str, str] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", help="a file for each test's outcome, as JSON")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        if _outcomes.get(report.nodeid) != "failed":
            _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--outcomes")
    if file:
        Path(file).write_text(json.dumps(_outcomes), "utf-8")
