"""Counts where nobody counts: nothing is known of any arm, so that nothing is ever carried forward by it."""

from __future__ import annotations

from collections.abc import Mapping

from tacit.rollout.arm_traffic import ArmCounts, ShadowCounts
from tacit.rollout.outcomes import Outcomes, UserOutcomes


class UncountedArms:
    """An `ArmTrafficStore` that knows of no request."""

    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        """Let it go."""

    def counts(self, split_id: str, stage: str) -> Mapping[str, ArmCounts]:
        return {}

    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        """Let it go."""

    def shadow(self, split_id: str) -> ShadowCounts:
        return ShadowCounts()


class UncountedOutcomes:
    """An `OutcomeStore` that knows of no list."""

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return {}

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return {}

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        return {}
