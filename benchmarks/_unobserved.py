"""The platform, told by signals how much of it is observed: what being observed is held against.

It is `tacit` itself, with the counting, the line of each request and the tracing taken out for as long as that is asked
for, and everything else as ever.
"""

from __future__ import annotations

import json
import signal
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tacit.adapters.counted_series import Count, Level, Spread
from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api import request_log
from tacit.entrypoints.cli import main as tacit
from tacit.monitoring import tracing

STATES = ("unobserved", "counted", "traced")
"""What a server may be told to be: one that nobody observes, one with metrics and log, and one with tracing as well."""
LATE = {"log-writer": ("counted", "traced"), "spans": ("traced",)}
"""Threads that do later what answers give them to do, and the states in which those do."""
LATE_FILE = "late.json"

Taken = list[tuple[Any, str, Any]]
_NOT_FOLLOWED = nullcontext()


def signal_of(state: str) -> int:
    """What a server is sent to be in a state."""
    return signal.SIGRTMIN + STATES.index(state)


def nothing(*_: object, **__: object) -> None:
    """Do nothing."""


def _no_step(_: str) -> nullcontext[None]:
    return _NOT_FOLLOWED


_COUNTING: Taken = [
    *[
        (kind, name, nothing)
        for kind in (PrometheusSink, Count, Level, Spread)
        for name in ("increment", "set", "observe")
        if name in vars(kind)
    ],
    (request_log, "note", nothing),
    (request_log, "note_all", nothing),
    (tracing, "step", _no_step),
]
_TRACING: Taken = [(tracing.Tracer, "begin", nothing)]
_WHOLE = [(owner, name, getattr(owner, name)) for owner, name, _ in (*_COUNTING, *_TRACING)]


def be(state: str) -> None:
    """Take out what a state leaves out, and put back what it has."""
    out = {"unobserved": [*_COUNTING, *_TRACING], "counted": _TRACING, "traced": []}[state]
    for owner, name, whole in (*_WHOLE, *out):
        setattr(owner, name, whole)


def _heed(number: int, _: object) -> None:
    be(STATES[number - signal.SIGRTMIN])
    late = {each.native_id: each.name for each in threading.enumerate() if each.name in LATE}
    beside = Path(f"{LATE_FILE}.new")
    beside.write_text(json.dumps(late), "utf-8")
    beside.replace(LATE_FILE)


def main() -> None:
    """Be `tacit`, and heed."""
    for state in STATES:
        signal.signal(signal_of(state), _heed)
    tacit()


if __name__ == "__main__":
    main()
