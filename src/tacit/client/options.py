"""How a client tries again, and how it delivers events: chosen by whoever makes one, decided here (pure)."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tacit.errors import Misconfigured

Random = Callable[[], float]
"""A number in [0, 1)."""


class Keep(enum.Enum):
    """The type of `KEEP`."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
"""In a change of an item: leave this as it is; `None` means back to what an import said."""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """When a request is tried again, and after how long.

    Only what may come to another end is: no connection, no answer in time, and the statuses 429, 502, 503, 504 and 507
    (of events 500, too).  Between two tries lies a random time up to a limit that doubles, and never less than the
    platform asks for (`Retry-After`).

    Attributes:
        tries: How often one request is sent, at most.
        budget_seconds: How long the tries of one request may take together.
        base_seconds: The limit of the first wait.
        longest_seconds: The largest limit.
        share: Retries that a client may make for each request, averaged over many: when everything fails, trying again
            makes it worse.  Ten may be saved up, and a new client has them.

    Raises:
        Misconfigured: `option_invalid`.
    """

    tries: int = 4
    budget_seconds: float = 10.0
    base_seconds: float = 0.1
    longest_seconds: float = 5.0
    share: float = 0.2

    def __post_init__(self) -> None:
        _check("tries", self.tries, lowest=1)
        _check("budget_seconds", self.budget_seconds)
        _check("base_seconds", self.base_seconds)
        _check("longest_seconds", self.longest_seconds)
        _check("share", self.share)

    def wait_after(self, failures: int, *, asked: float | None = None, random: Random = random.random) -> float:
        """How long to wait after so many failures in a row, in seconds.

        Args:
            failures: At least 1.
            asked: How long the platform asks one to wait.
            random: Draws.
        """
        # No power of two is taken that would overflow; by then the limit has long been reached.
        limit = min(self.longest_seconds, self.base_seconds * 2 ** min(failures - 1, 30))
        return random() * limit if asked is None else asked + random() * self.base_seconds


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How events are gathered, kept and given up.

    Attributes:
        batch: Events sent at once, at most; the platform takes 500.
        linger_seconds: How long an event may wait for company.
        capacity: Events that may wait; one more is refused to its sender, who still has it.
        capacity_bytes: The same in bytes, as they are sent.
        give_up_seconds: Age at which an event that cannot be delivered is dropped and told.
        kept_dropped: Dropped events that wait to be reported, at most; how many there were is known in any case.

    Raises:
        Misconfigured: `option_invalid`.
    """

    batch: int = 500
    linger_seconds: float = 0.05
    capacity: int = 10_000
    capacity_bytes: int = 16_000_000
    give_up_seconds: float = 600.0
    kept_dropped: int = 1_000

    def __post_init__(self) -> None:
        _check("batch", self.batch, lowest=1, highest=500)
        _check("linger_seconds", self.linger_seconds)
        _check("capacity", self.capacity, lowest=1)
        _check("capacity_bytes", self.capacity_bytes, lowest=1)
        _check("give_up_seconds", self.give_up_seconds)
        _check("kept_dropped", self.kept_dropped)


class RetryAllowance:
    """What is left of the retries that a client may make: each request earns a share of one, each retry costs one."""

    MOST = 10.0

    def __init__(self, share: float) -> None:
        self._share = share
        self._left = self.MOST

    def earn(self) -> None:
        """A request was made."""
        self._left = min(self.MOST, self._left + self._share)

    def spend(self) -> bool:
        """Whether one more retry may be made; then it is spent."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _check(name: str, value: float, *, lowest: float = 0, highest: float = float("inf")) -> None:
    if not lowest <= value <= highest:
        bounds = f"from {lowest:g} to {highest:g}" if highest < float("inf") else f"at least {lowest:g}"
        raise Misconfigured("option_invalid", f"{name} is {value}; it must be {bounds}.", field=name)
