"""Read what is known of a rollout's stage, and judge it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from tacit.rollout.analysis import judge_shadow, judge_stage
from tacit.rollout.arm_traffic import ArmCounts, ArmTrafficStore
from tacit.rollout.evidence import ArmEvidence, ShadowEvidence, StageEvidence, click_spread
from tacit.rollout.outcomes import Outcomes, OutcomeStore
from tacit.rollout.rollouts import Rollout, stage_of
from tacit.rollout.traffic import CANARY_ARM, CHAMPION_ARM
from tacit.rollout.verdicts import Verdict

SETTLING_MS = 3_000
"""How long serving processes may take to follow a stage: lists shown until then are still divided as before."""

REST = 20.0
"""How many times as long as reading outcomes took nobody reads them again: they grow with the traffic of a stage."""

_MOST_KNOWN = 4  # a stage asks two questions; those of stages that are over need not be remembered

_Asked = tuple[str, int, int | None]

T = TypeVar("T")


class Observer:
    """Judges the stage that a rollout is in.

    Counts are read anew each time; what became of lists is remembered for `rest` times as long as reading it took.

    Args:
        arms: What became of requests.
        outcomes: What became of lists.
        settling_ms: How long after the beginning of a stage lists are not looked at.
        rest: As `REST`.
        timer: Seconds that never go back.
    """

    def __init__(
        self,
        arms: ArmTrafficStore,
        outcomes: OutcomeStore,
        *,
        settling_ms: int = SETTLING_MS,
        rest: float = REST,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arms = arms
        self._outcomes = outcomes
        self._settling_ms = settling_ms
        self._rest = rest
        self._timer = timer
        self._by_arm: dict[_Asked, tuple[float, Mapping[str, Outcomes]]] = {}
        self._spreads: dict[_Asked, tuple[float, float]] = {}

    def verdict(self, rollout: Rollout, *, at_ms: int) -> Verdict | None:
        """What is to be said of a rollout's stage now; `None` where it is in none."""
        if rollout.state == "shadow":
            return judge_shadow(self._shadow(rollout, at_ms), rollout.course.limits)
        if rollout.state not in ("canary", "watching"):
            return None
        evidence = self._stage(rollout, at_ms)
        verdict = judge_stage(evidence, rollout.course.limits)
        if any(finding.gate == "clicks" and finding.outcome == "fail" for finding in verdict.findings):
            # Reading what each user did is dear, and only ever makes a drop less certain.
            return judge_stage(replace(evidence, spread=self._spread(rollout)), rollout.course.limits)
        return verdict

    def _shadow(self, rollout: Rollout, at_ms: int) -> ShadowEvidence:
        counts = self._arms.shadow(rollout.split_id)
        return ShadowEvidence(_seconds(rollout, at_ms), rollout.course.bake_seconds, counts)

    def _stage(self, rollout: Rollout, at_ms: int) -> StageEvidence:
        is_watched = rollout.state == "watching"
        counts = self._arms.counts(rollout.split_id, rollout.stage)
        outcomes = self._lists(rollout, self._since_ms(rollout), None)
        # Whoever watches the new champion looks at the champion's arm: it is the version there.
        ours = CHAMPION_ARM if is_watched else CANARY_ARM
        share = 1.0 if is_watched else rollout.share
        champion = _arm(counts.get(CHAMPION_ARM), outcomes.get(CHAMPION_ARM)) if share < 1 else ArmEvidence()
        return StageEvidence(
            share=share,
            seconds=_seconds(rollout, at_ms),
            needed_seconds=rollout.course.watch_seconds if is_watched else rollout.course.bake_seconds,
            canary=_arm(counts.get(ours), outcomes.get(ours)),
            champion=champion,
            is_watched=is_watched,
            before=ArmEvidence() if share < 1 else self._before(rollout),
        )

    def _before(self, rollout: Rollout) -> ArmEvidence:
        """What the champion did in the stages in which it answered somebody."""
        steps = [percent for percent in rollout.course.steps if percent < 100]
        stages = ["shadow", *(stage_of("canary", percent) for percent in steps)]
        found = (self._arms.counts(rollout.split_id, stage).get(CHAMPION_ARM) for stage in stages)
        counts = sum((each for each in found if each is not None), ArmCounts())
        # While it is watched the champion's arm is the version's, from the flip on.
        until_ms = rollout.entered_ms if rollout.state == "watching" else None
        outcomes = self._lists(rollout, rollout.opened_ms, until_ms)
        return _arm(counts, outcomes.get(CHAMPION_ARM))

    def _spread(self, rollout: Rollout) -> float:
        asked = (rollout.split_id, self._since_ms(rollout), None)
        return self._sparingly(
            self._spreads, asked, lambda: click_spread(self._outcomes.by_user(asked[0], since_ms=asked[1]))
        )

    def _lists(self, rollout: Rollout, since_ms: int, until_ms: int | None) -> Mapping[str, Outcomes]:
        name = rollout.split_id
        return self._sparingly(
            self._by_arm,
            (name, since_ms, until_ms),
            lambda: self._outcomes.by_arm(name, since_ms=since_ms, until_ms=until_ms),
        )

    def _sparingly(self, known: dict[_Asked, tuple[float, T]], asked: _Asked, read: Callable[[], T]) -> T:
        """What was read lately, or what is read now where that is too long ago."""
        began, remembered = self._timer(), known.get(asked)
        if remembered is not None and began < remembered[0]:
            return remembered[1]
        found = read()
        ended = self._timer()
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[asked] = (ended + self._rest * (ended - began), found)
        return found

    def _since_ms(self, rollout: Rollout) -> int:
        return rollout.entered_ms + self._settling_ms


def _arm(counts: ArmCounts | None, outcomes: Outcomes | None) -> ArmEvidence:
    return ArmEvidence(counts or ArmCounts(), outcomes or Outcomes())


def _seconds(rollout: Rollout, at_ms: int) -> float:
    return max(0, at_ms - rollout.entered_ms) / 1_000
