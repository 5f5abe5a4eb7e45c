"""The platform, told to measure nothing and to log no request: what being observed is held against.

It is `tacit` itself, with the counting and the line of each request taken out and everything else as ever.
"""

from __future__ import annotations

from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api import request_log
from tacit.entrypoints.cli import main as tacit


def nothing(*_: object, **__: object) -> None:
    """Do nothing."""


def blind() -> None:
    """Take out what observes."""
    for name in ("increment", "set", "observe"):
        setattr(PrometheusSink, name, nothing)
    request_log.note = nothing


def main() -> None:
    """Be `tacit`, unobserved."""
    blind()
    tacit()


if __name__ == "__main__":
    main()
