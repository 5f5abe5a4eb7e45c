"""The settings of workers, and of when a process calls itself unwell."""

from __future__ import annotations

from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict, Field

_FROZEN = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

ELSEWHERE_SECONDS = 2.0
"""Where requests come from other machines, something that spreads them may have to notice."""


class Workers(BaseModel):
    """How many processes answer, and what happens to one that ends."""

    model_config = _FROZEN

    count: int = Field(default=1, ge=1, le=64)
    """Processes that answer on one port: one that takes events, the others readers; 1 is a process by itself."""
    spare: bool = True
    """Whether one more process stands by, all its code loaded, so that a copy of it takes the place of one that ends.

    It takes about 100 MiB, most of which the copies share; on Linux only.
    """
    leave_seconds: float | None = Field(default=None, ge=0, le=60)
    """How long a process that was told to end still listens, not ready any more; unset, 0 on loopback, else 2."""
    restarts: int = Field(default=6, ge=1, le=1_000)
    """Restarts of a worker within `restart_window_seconds` above which it counts as failing, and is started less often.
    """
    restart_window_seconds: float = Field(default=600.0, ge=1, le=86_400)
    """The time in which they are counted."""
    hung_seconds: float = Field(default=15.0, ge=5, le=3_600)
    """How long a worker may give no sign of life before it is killed and another one started."""
    start_seconds: float = Field(default=120.0, ge=10, le=3_600)
    """How long a worker may take to begin before it is killed and another one started.

    The very first takes the time it takes: it may have to import and to train.
    """

    def leaves_within(self, host: str) -> float:
        """How long a process that listens on an address does so after it was told to end."""
        if self.leave_seconds is not None:
            return self.leave_seconds
        return 0.0 if _is_loopback(host) else ELSEWHERE_SECONDS


class Health(BaseModel):
    """When a process calls itself unwell."""

    model_config = _FROZEN

    fail_after: int = Field(default=3, ge=1, le=100)
    """Failing checks in a row from which a process that answered before calls itself unhealthy."""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
