"""How long a body plays, by its header `stream-play` (spec section 1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = "(0|[1-9][0-9]{0,14})"
_HEADER = re.compile(f"ms={_NUMBER}(?:;paid={_NUMBER})?(?:;of={_NUMBER};from={_NUMBER})?")
_MAX_MS = 86_400_000


@dataclass(frozen=True)
class Play:
    ms: int
    """Playing time of the whole."""
    of: int
    """Bytes of the whole."""
    start: int
    """Where in the whole this body begins."""
    length: int
    paid: int
    """The first so many bytes of this body were paid before."""

    def steps(self, count: int) -> int:
        """Steps of the first so many bytes of the body."""
        end = min(count, self.length)
        if end <= self.paid or self.of == 0:
            return 0
        return self.ms * (self.start + end) // self.of - self.ms * (self.start + self.paid) // self.of


def read_play(header: str | None, content_length: str | None) -> Play | None:
    """``None`` where either is missing or cannot be true, and then nothing counts."""
    match = _HEADER.fullmatch(header or "")
    if not match or not re.fullmatch(_NUMBER, content_length or ""):
        return None
    length = int(content_length or "0")
    ms, paid, of, start = (int(match[1]), int(match[2] or 0), int(match[3] or length), int(match[4] or 0))
    fits = ms <= _MAX_MS and paid <= length and start + length <= of
    return Play(ms, of, start, length, paid) if fits else None
