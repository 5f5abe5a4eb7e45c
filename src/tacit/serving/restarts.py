"""When another worker is started in the place of one that ended (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class RestartRules:
    """How often a worker may end before it is started less often.

    Attributes:
        limit: So many restarts within the window are made as soon as they may be; from then on the worker is failing.
        window_seconds: How long an end is remembered.
    """

    limit: int = 6
    window_seconds: float = 600.0


@dataclass(frozen=True)
class Ended:
    """One end of a worker that nobody asked for.

    Attributes:
        at: When, in seconds of any clock that never goes back.
        served_seconds: For how long it had served by then; `None` if it never came to.
    """

    at: float
    served_seconds: float | None


def pause_before_next(ends: Sequence[Ended], rules: RestartRules, now: float) -> float:
    """Seconds to wait before the next start.

    None after an end of a worker that had served, nor after the first of one that had not; 1, 2, 4, … up to 60 after
    the next of those in a row.  A failing one waits a minute if it came to serve last, and if not until as many ends as
    may be restarts are as old as the window.

    Args:
        ends: The latest last.
        rules: How often is too often.
        now: By the clock of the ends.
    """
    if not ends:
        return 0.0
    unserved = _unserved(ends)
    # The first may be an accident: whoever strikes one worker may strike the next before it serves.
    pause = min(LONGEST_PAUSE, 2.0 ** (unserved - 2)) if unserved > 1 else 0.0
    if not is_failing(ends, rules, now):
        return pause
    if ends[-1].served_seconds is not None:
        return LONGEST_PAUSE
    # Of as many ends as there may be restarts, the first had its own by the time of the one after it at the latest.
    return max(pause, ends[-rules.limit].at + rules.window_seconds - now)


def is_failing(ends: Sequence[Ended], rules: RestartRules, now: float) -> bool:
    """Whether a worker ended more often of late than it may."""
    return len(_recent(ends, rules, now)) > rules.limit


def _recent(ends: Sequence[Ended], rules: RestartRules, now: float) -> list[Ended]:
    return [each for each in ends if now - each.at < rules.window_seconds]


def _unserved(ends: Sequence[Ended]) -> int:
    """How many of the latest ends in a row were of workers that never came to serve."""
    return sum(1 for _ in takewhile(lambda each: each.served_seconds is None, reversed(ends)))
