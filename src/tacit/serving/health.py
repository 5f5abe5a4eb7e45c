"""How well we can answer, in one of three words (pure)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tacit.data.events import LogState
from tacit.errors import TacitError
from tacit.serving.model_pool import LoadedVersion, RefusedVersion

Role = Literal["all", "reader"]
"""What a process does: answer and take events, or answer beside one that takes them."""

MEMORY_LIMIT = 0.9
"""Share of the memory in use above which we call ourselves degraded."""
LAG_LIMIT = 10_000
"""Events waiting to be applied above which we do: more than a second's work, so that lists do not know them yet."""

FAIL_AFTER = 3
"""Failing checks in a row from which a process that answered before is called unhealthy."""


@dataclass(frozen=True)
class Health:
    """What anybody may know of our health.

    Attributes:
        status: `unhealthy` cannot answer, `degraded` answers but somebody should look.
        reasons: Why it is not `healthy`, for a person.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    model_loaded: bool
    reasons: tuple[str, ...]


def judge_health(
    loaded: LoadedVersion | None,
    refused: RefusedVersion | None,
    lost: TacitError | None,
    *,
    memory_share: float | None = None,
    events: LogState | None = None,
) -> Health:
    """Unhealthy without a model; degraded by a refused champion, a lost registry, scarce memory or stuck events.

    Events that cannot be taken or applied make no question unanswerable, so they never make us unhealthy.
    """
    events = events or LogState()
    reasons = tuple(
        reason
        for reason, holds in (
            ("no model is loaded", loaded is None),
            (f"the champion, version {refused.number}, was refused ({refused.code})" if refused else "", refused),
            (f"the registry cannot be asked ({lost.code})" if lost else "", lost),
            (f"events are not taken ({events.refusal})", events.refusal is not None),
            (f"events wait to be applied ({events.hindrance})", events.hindrance is not None),
            ("the disk is nearly full", events.is_space_low),
            (f"{events.lag or 0:,} events wait to be applied", (events.lag or 0) > LAG_LIMIT),
            (f"{memory_share or 0:.0%} of the memory is in use", (memory_share or 0) > MEMORY_LIMIT),
        )
        if holds
    )
    status: Literal["healthy", "degraded", "unhealthy"]
    status = "unhealthy" if loaded is None else "degraded" if reasons else "healthy"
    return Health(status, model_loaded=loaded is not None, reasons=reasons)


class HealthWatch:
    """What our health is called over time: whoever was well before is not unhealthy for a check or two that fail.

    One that never was well is called what it is at once: nobody relies on it yet.

    Args:
        fail_after: Failing checks in a row from which it is unhealthy.
    """

    def __init__(self, fail_after: int = FAIL_AFTER) -> None:
        self._fail_after = fail_after
        self._failed = 0
        self._was_well = False

    def called(self, judged: Health) -> Health:
        """What a check found, as it is to be told."""
        if judged.status != "unhealthy":
            self._was_well, self._failed = True, 0
            return judged
        self._failed += 1
        is_patient = self._was_well and self._failed < self._fail_after
        return replace(judged, status="degraded") if is_patient else judged
