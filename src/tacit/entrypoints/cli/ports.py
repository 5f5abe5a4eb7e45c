"""Ports: which ones a server takes, and whether they are free."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.errors import Misconfigured

if TYPE_CHECKING:
    from tacit.bootstrap import Settings

METRICS_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """A port that a server takes.

    Attributes:
        setting: The setting that chooses it.
    """

    setting: str
    host: str
    number: int

    @property
    def fix(self) -> str:
        """What to do if something else has it."""
        return f"Stop what uses it, or choose another (TACIT_{self.setting.upper()})."

    def problem(self) -> str | None:
        """Why nobody can listen on it now; `None` if it is free."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            socket.create_server((self.host, self.number), family=family).close()
        except OSError as error:
            return error.strerror or str(error)
        return None

    def __str__(self) -> str:
        return f"{self.host}:{self.number}"


def ports_of(settings: Settings) -> Iterator[Port]:
    """Every port a server takes."""
    yield Port("port", settings.host, settings.port)
    yield Port("metrics_port", METRICS_HOST, settings.metrics_on)


def check_ports(settings: Settings) -> None:
    """Find out that a port is taken before an hour of training, not after."""
    for port in ports_of(settings):
        problem = port.problem()
        if problem is not None:
            detail = f"Cannot listen on {port}: {problem}."
            raise Misconfigured("port_unavailable", detail, field=port.setting, fix=port.fix)
