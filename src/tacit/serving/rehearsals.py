"""Which users' lists come from a lower tier on purpose today, so that none is tried first in a disaster (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.rollout.traffic import bucket
from tacit.serving.answers import Source
from tacit.serving.fallback import Step
from tacit.serving.interfaces import Clock

LOWER_TIERS: tuple[Source, ...] = ("blended", "category", "popular", "static")
"""What stands below a personal list, from the top."""

SPARED_LISTS = 200
"""How many users' lists a process gives before it rehearses any."""

_DAY_SECONDS = 86_400


class Rehearsals:
    """The users of a day who meet a lower tier.

    A user keeps their tier from midnight to midnight, UTC, in every process, and is as likely as any other to have one
    the next day.  The first lists of a process rehearse nothing: whoever tries it out by hand meets what they came for.

    Args:
        share: How many of the users each lower tier has, from 0 to 1/4.
        clock: Tells the day.
        spared: How many lists of a process come first.
    """

    def __init__(self, share: float, clock: Clock, *, spared: int = SPARED_LISTS) -> None:
        self._share = share
        self._clock = clock
        self._spared = spared

    def tier(self, user_id: str) -> Source | None:
        """The tier of a user today; `None` for nearly everybody."""
        if self._spared > 0:
            self._spared -= 1  # two at once may count as one: it need not be exact
            return None
        if not self._share:
            return None
        place = int(bucket(f"tiers-{int(self._clock() // _DAY_SECONDS)}", user_id) / self._share)
        return LOWER_TIERS[place] if place < len(LOWER_TIERS) else None


def rehearsed_step(steps: Sequence[Step], tier: Source) -> Step | None:
    """The step of a chain that a tier is; `None` where the chain has none, or begins with it anyway."""
    return next((step for step in steps[1:] if step.source == tier != steps[0].source), None)
