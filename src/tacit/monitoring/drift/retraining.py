"""Whether a training has answered a drift already (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tacit.jobs.interfaces import Tally
from tacit.monitoring.drift.report import DriftReport

_ANSWERS = frozenset({"queued", "running", "succeeded"})
_TRAININGS = frozenset({"train", "full_refit"})


def rose_at(now_ms: int, before: Sequence[DriftReport]) -> int:
    """Since when drift stands above the trigger without a break.

    Args:
        now_ms: When it was last seen there.
        before: The looks before, newest first; one that knew nothing breaks nothing.
    """
    rose_ms = now_ms
    for each in before:
        if each.state == "retrain":
            rose_ms = each.at_ms
        elif each.state != "not_enough_data":
            break
    return rose_ms


def has_answer(tallies: Iterable[Tally], rose_ms: int) -> bool:
    """Whether a training was asked for since then, and did not come to nothing: one rise is worth one training."""
    return any(
        each.kind in _TRAININGS and each.state in _ANSWERS and each.jobs and each.last_queued_ms >= rose_ms
        for each in tallies
    )
