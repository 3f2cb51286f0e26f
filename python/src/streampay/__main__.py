"""`python -m streampay serve module:app --price "10 sat/s"`: sells from the command line."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any

from .errors import StreamError
from .selling.paid import Paid, PaidApp
from .selling.serve import serve


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m streampay", description="Stream for Python")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "serve",
        help="sell functions and apps",
        description="Sells what a module holds: `module:name`, or all that @paid and paid_app made in `module`, "
        "each below its own name. What follows `--` goes to `streampay sell`.",
    )
    command.add_argument("target", help="such as `app:app`, or `app`")
    command.add_argument("--price", help='of an app that has none of its own: "10 sat/s", "1 sat/token", "2 sat/request"')
    command.add_argument("--credit", help="what may be delivered unpaid (0 sat)")
    command.add_argument("--grace", help="how long work is held when payment stops (30s)")
    command.add_argument("--free", help='free for each client address, such as "3 requests/day"')
    command.add_argument("--interface", choices=["asgi", "wsgi"], help="where it does not show by itself")
    command.add_argument("--node", help="who is paid: docs/cli.md#nodes")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=2402, help="0 takes a free one")
    command.add_argument("--cert", help="https with this certificate (PEM)")
    command.add_argument("--key", help="its private key (PEM)")
    command.add_argument("--json", action="store_true", help="the gateway's events on stdout, one in a line")
    words = sys.argv[1:] if argv is None else argv
    cut = words.index("--") if "--" in words else len(words)
    options = vars(parser.parse_args(words[:cut]))
    return _serve(options, words[cut + 1 :])


def _serve(options: dict[str, Any], more: list[str]) -> int:
    names = ("price", "credit", "grace", "free", "interface", "node", "cert", "key")
    given = {name: options[name] for name in names if options[name] is not None}
    try:
        sold = load(options["target"])
        on_event = _print_event if options["json"] else None
        serve(sold, host=options["host"], port=options["port"], args=more, on_event=on_event, **given)
    except StreamError as error:
        print(f"{error.message} [{error.code}]\n  {error.hint}", file=sys.stderr)
        return 2 if error.status == 400 else 1
    return 0


def _print_event(event: dict[str, Any]) -> None:
    import json

    print(json.dumps(event), flush=True)


def load(target: str) -> Any:
    """:raises StreamError: ``option-invalid``"""
    # As uvicorn and python itself: modules of the folder one stands in are found.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise
        raise StreamError("option-invalid", f"there is no module {module_name} here") from error
    if name:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None:
            raise StreamError("option-invalid", f"{module_name} has no {name}")
        return found
    sold = {key: value for key, value in vars(module).items() if isinstance(value, (Paid, PaidApp))}
    if not sold:
        raise StreamError("option-invalid", f"{module_name} holds nothing that @paid or paid_app made: name what is sold")
    return next(iter(sold.values())) if len(sold) == 1 else {f"/{key}/**": value for key, value in sold.items()}


if __name__ == "__main__":
    sys.exit(main())
