"""Names for answers and requests: random ones, many drawn at once."""

from __future__ import annotations

import os
from collections import deque

_AT_ONCE = 256
_VARIANTS = "89ab"


class Names:
    """Gives names that nobody has and nobody can guess: UUIDs of version 4, as 32 hexadecimal digits.

    Asking the system for 16 bytes costs more than a name that lies ready, and lets another thread have the interpreter
    each time.  Safe in threads; a process that is forked off draws its own.
    """

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        os.register_at_fork(after_in_child=self._ready.clear)

    def __call__(self) -> str:
        """A new name."""
        try:
            return self._ready.popleft()
        except IndexError:
            drawn = os.urandom(16 * _AT_ONCE).hex()
            names = [_name(drawn[start : start + 32]) for start in range(0, len(drawn), 32)]
            self._ready.extend(names[1:])
            return names[0]


def _name(drawn: str) -> str:
    """The drawn digits, with those that tell version and variant."""
    return f"{drawn[:12]}4{drawn[13:16]}{_VARIANTS[int(drawn[16], 16) & 3]}{drawn[17:]}"


new_name = Names()
"""Those of this process."""
