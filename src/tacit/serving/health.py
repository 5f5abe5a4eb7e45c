"""How well we can answer, in one of three words (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tacit.errors import TacitError
from tacit.serving.model_pool import LoadedVersion, RefusedVersion

MEMORY_LIMIT = 0.9
"""Share of the memory in use above which we call ourselves degraded."""


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
) -> Health:
    """Unhealthy without a model; degraded by a refused champion, a lost registry or scarce memory."""
    reasons = tuple(
        reason
        for reason, holds in (
            ("no model is loaded", loaded is None),
            (f"the champion, version {refused.number}, was refused ({refused.code})" if refused else "", refused),
            (f"the registry cannot be asked ({lost.code})" if lost else "", lost),
            (f"{memory_share or 0:.0%} of the memory is in use", (memory_share or 0) > MEMORY_LIMIT),
        )
        if holds
    )
    status: Literal["healthy", "degraded", "unhealthy"]
    status = "unhealthy" if loaded is None else "degraded" if reasons else "healthy"
    return Health(status, model_loaded=loaded is not None, reasons=reasons)
