"""Only the gateway comes in: it shows a key that nobody else has."""

from __future__ import annotations

import hmac
import os

from .request import Response, problem

#: In the environment of the gateway and of the app.
KEY_VARIABLE = "STREAMPAY_GATEWAY_KEY"
#: A header that the gateway sets on what it passes on, in the place of what the buyer sent.
KEY_HEADER = "streampay-gateway"
MIN_KEY = 32


def refusal(shown: str | None, key: str | None) -> Response | None:
    """``None`` for a request that the gateway passed on.

    :param key: that of this app; else that of the environment
    """
    expected = key or os.environ.get(KEY_VARIABLE) or ""
    if len(expected) < MIN_KEY:
        return problem(
            503,
            "Not for sale yet",
            f"This answers a gateway alone, and knows none: start both with `python -m streampay serve`, or set {KEY_VARIABLE}.",
        )
    if hmac.compare_digest((shown or "").encode("utf-8", "replace"), expected.encode()):
        return None
    return problem(403, "Not through the gateway", "This is sold: ask the gateway in front of it.")
