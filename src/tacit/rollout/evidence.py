"""What is known of one stage of a rollout, and how much of what may be (values)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tacit.rollout.arm_traffic import ArmCounts, ShadowCounts
from tacit.rollout.outcomes import Outcomes, UserOutcomes


@dataclass(frozen=True)
class Limits:
    """What a version on its way to users must show, and what it may not do.

    Attributes:
        min_requests: Requests that it must have answered in a stage, and lists it must have shown.
        min_users: Users who must have met it in a stage.
        min_mirrored: Requests that a shadow must have answered.
        max_error_rise: How much larger the share of its failed requests may be than the champion's.
        max_errors: The share of failed requests that is too much where there is no champion to compare with.
        max_degraded_rise: As `max_error_rise`, of the answers that were not those we wanted to give.
        latency_ratio: How many times as long as the champion's its slow requests may take.
        latency_budget_seconds: And how much longer than that.
        max_latency_seconds: What they may take where there is no champion to compare with.
        max_ctr_drop: Largest relative drop of the click-through rate.
        clicks: Whether a stage passes only once clicks are known (`required`), or they are not looked at (`ignored`).
        min_overlap: Mean share of a list that a shadow must have in common with the one that was given.
        max_score_shift: Largest mean difference of scores; `None` for any.
    """

    min_requests: int = 200
    min_users: int = 20
    min_mirrored: int = 200
    max_error_rise: float = 0.005
    max_errors: float = 0.02
    max_degraded_rise: float = 0.05
    latency_ratio: float = 1.5
    latency_budget_seconds: float = 0.05
    max_latency_seconds: float = 0.8
    max_ctr_drop: float = 0.1
    clicks: Literal["required", "ignored"] = "required"
    min_overlap: float = 0.05
    max_score_shift: float | None = None


@dataclass(frozen=True)
class ArmEvidence:
    """What one side's requests and lists came to.

    Attributes:
        counts: Of its requests.
        outcomes: Of its lists.
    """

    counts: ArmCounts = field(default_factory=ArmCounts)
    outcomes: Outcomes = field(default_factory=Outcomes)


@dataclass(frozen=True)
class StageEvidence:
    """What is known of a stage in which users meet the version.

    Attributes:
        share: The share of users who do, from 0 to 1.
        seconds: For how long they have.
        needed_seconds: For how long they must have.
        canary: What the version did.
        champion: What the champion did at the same time; nothing where all users meet the version.
        before: What the champion did in the stages before, to compare with where it does nothing now.
        is_watched: Whether the version is the champion already, so that missing clicks or users keep nothing back.
        spread: How much more the click-through rate varies than if lists were clicked independently: users differ.
    """

    share: float
    seconds: float
    needed_seconds: float
    canary: ArmEvidence
    champion: ArmEvidence = field(default_factory=ArmEvidence)
    before: ArmEvidence = field(default_factory=ArmEvidence)
    is_watched: bool = False
    spread: float = 1.0

    @property
    def is_compared(self) -> bool:
        """Whether the champion answers others at the same time."""
        return self.share < 1

    @property
    def reference(self) -> ArmEvidence:
        """What the version is compared with."""
        return self.champion if self.is_compared else self.before


@dataclass(frozen=True)
class ShadowEvidence:
    """What is known of a version that is asked in secret.

    Attributes:
        seconds: For how long it is.
        needed_seconds: For how long it must be.
        counts: What comparing its answers came to.
    """

    seconds: float
    needed_seconds: float
    counts: ShadowCounts


def click_spread(arms: Mapping[str, UserOutcomes]) -> float:
    """How much more click-through rates vary than if each list were clicked or not independently; at least 1.

    The variance of a ratio of sums over users (Kish's design effect, linearised), pooled over the arms.
    """
    robust = naive = 0.0
    for arm in arms.values():
        lists, clicked = np.asarray(arm.lists, dtype=np.float64), np.asarray(arm.clicked, dtype=np.float64)
        total = float(lists.sum())
        if len(lists) < 2 or not total:
            continue
        rate = float(clicked.sum()) / total
        residuals = clicked - rate * lists
        robust += float((residuals**2).sum()) * len(lists) / (len(lists) - 1)
        naive += total * rate * (1 - rate)
    return max(1.0, robust / naive) if naive > 0 and math.isfinite(robust) else 1.0
