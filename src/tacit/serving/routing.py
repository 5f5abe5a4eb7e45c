"""Which version answers whom: the plan as one process carries it out, and the answer of a user's arm."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from tacit.errors import Misconfigured
from tacit.rollout.traffic import Arm, Place, TrafficPlan
from tacit.serving.arm_tallies import ArmTally
from tacit.serving.events import ArmFailed, Observer, unobserved
from tacit.serving.kept_lists import KeptOutcome
from tacit.serving.ladder import Coldstart
from tacit.serving.list_making import Maker, Making, Wish, as_far_as_known
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.rehearsals import Rehearsals
from tacit.serving.shadowing import Shadowing

ARM_SETTINGS = ("coldstart.blended_from", "coldstart.personal_from")
"""What may be other for an arm."""


@dataclass(frozen=True, slots=True)
class ArmRoute:
    """How one arm is answered.

    Attributes:
        place: The arm.
        tally: Where its requests are counted.
        rungs: The cold-start ladder that holds for it.
        number: The version that answers it; `None` for the champion, whichever it is.
        loaded: That version; `None` where it cannot be had, or is the champion's.
        problem: Why the arm cannot have what it is to have.
    """

    place: Place
    tally: ArmTally
    rungs: Coldstart
    number: int | None = None
    loaded: LoadedVersion | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Routed:
    """What answers one question, taken once: all of the answer comes from it.

    Attributes:
        loaded: The version; `None` where the arm's cannot be had, so that the champion answers for it.
        place: The arm.
        tally: Where the request is counted.
        rungs: The cold-start ladder that holds.
    """

    loaded: LoadedVersion | None
    place: Place
    tally: ArmTally
    rungs: Coldstart


@dataclass(frozen=True)
class Roster:
    """A plan with everything at hand that it takes; replaced as a whole, never changed.

    Attributes:
        plan: The plan, as far as it is in force.
        arms: How each arm is answered, by name.
        shadow: What is asked in secret.
    """

    plan: TrafficPlan = field(default_factory=TrafficPlan)
    arms: Mapping[str, ArmRoute] = field(default_factory=lambda: MappingProxyType({}))
    shadow: Shadowing | None = None

    def routed(self, champion: LoadedVersion, wish: Wish) -> Routed | None:
        """What answers a user; `None` where users are not divided, or the question has no place among the arms.

        A category that the arm's version does not have is asked of the champion, and counts for nobody: the arm cannot
        help it.
        """
        split = self.plan.split
        if split is None:
            return None
        route = self.arms[split.arm_of(wish.user_id).name]
        loaded = route.loaded
        if route.problem is None and route.number in (None, champion.version.number):
            loaded = champion
        if loaded is not None and any(each not in loaded.model.categories for each in wish.rules.categories):
            return None
        return Routed(loaded, route.place, route.tally, route.rungs)


class Traffic(Protocol):
    """Knows the roster in force; `TrafficFollower` does."""

    @property
    def roster(self) -> Roster:
        """What every answer that begins now keeps to."""
        ...


class NoTraffic:
    """A `Traffic` where the champion answers everybody."""

    roster = Roster()


@dataclass(frozen=True, slots=True)
class Given:
    """A user's list, the arm it counts for, and whether a lower tier was chosen on purpose."""

    kept: KeptOutcome
    place: Place | None = None
    rehearsed: bool = False


class UserAnswers:
    """Gives each user the list of the version that answers their arm, and the champion's where that one fails.

    Only whom the champion knows has a place among the arms: who may be divided must not depend on the arm they would
    come to.

    Args:
        making: Makes lists.
        traffic: Knows the roster.
        rungs: The cold-start ladder where no arm has another.
        observe: Told of arms that failed.
        timer: Measures how long an answer takes, in seconds.
        rehearsals: Which users meet a lower tier today; without it, nobody.
    """

    def __init__(
        self,
        making: Making,
        traffic: Traffic,
        *,
        rungs: Coldstart,
        rehearsals: Rehearsals | None = None,
        observe: Observer = unobserved,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._making = making
        self._traffic = traffic
        self._rungs = rungs
        self._observe = observe
        self._timer = timer
        self._rehearsals = rehearsals

    @property
    def are_undivided(self) -> bool:
        """Whether the champion answers everybody, and nothing is asked in secret."""
        roster = self._traffic.roster
        return roster.plan.split is None and roster.shadow is None

    def given(self, champion: LoadedVersion, wish: Wish, *, started: float) -> Given:
        """A user's list.

        Args:
            champion: The champion, as it was when the question came.
            wish: What is asked.
            started: When the question came, by the timer.

        Raises:
            NotFound: `user_unknown`.
            Unavailable: `answer_unavailable`.
        """
        roster = self._traffic.roster
        routed = None if roster.plan.split is None else self._routed(roster, champion, wish)
        rehearsed = self._rehearsed(routed, champion, wish)
        if rehearsed is not None:
            return rehearsed
        if routed is None:
            given = Given(self._by_champion(champion, wish))
        else:
            given = self._counted(routed, champion, wish, started=started)
        if roster.shadow is not None:
            roster.shadow.offer(wish, given.kept.outcome.items, self._timer() - started, ask=self._making.in_secret)
        return given

    def _rehearsed(self, routed: Routed | None, champion: LoadedVersion, wish: Wish) -> Given | None:
        """The list of a lower tier, where the user has one today and asks for nothing that it might not keep to.

        It is of the version that they meet anyway, and counts for no arm.
        """
        tier = None if self._rehearsals is None else self._rehearsals.tier(wish.user_id)
        if tier is None or not wish.rules.are_plain:
            return None
        loaded, rungs = (champion, self._rungs) if routed is None else (routed.loaded, routed.rungs)
        if loaded is None:
            return None
        try:
            outcome = self._making.rehearsed(Maker(loaded, rungs), wish, tier)
        except Exception:
            return None  # whatever is wrong with the user or the version comes up where it is answered for
        return None if outcome is None else Given(KeptOutcome(outcome, loaded.label), rehearsed=True)

    def _routed(self, roster: Roster, champion: LoadedVersion, wish: Wish) -> Routed | None:
        is_known = wish.user_id in champion.model.user_rows or self._making.profile(champion, wish.user_id).is_known
        return roster.routed(champion, wish) if is_known else None

    def _by_champion(self, champion: LoadedVersion, wish: Wish) -> KeptOutcome:
        profile = self._making.profile(champion, wish.user_id)
        return as_far_as_known(self._making.for_user(Maker(champion, self._rungs), profile, wish), profile)

    def _counted(self, routed: Routed, champion: LoadedVersion, wish: Wish, *, started: float) -> Given:
        is_failed = is_degraded = True
        try:
            kept, is_failed = self._of_arm(routed, champion, wish)
            is_degraded = kept.outcome.degraded
        finally:
            routed.tally.count(self._timer() - started, is_failed=is_failed, is_degraded=is_degraded)
        return Given(kept, routed.place)

    def _of_arm(self, routed: Routed, champion: LoadedVersion, wish: Wish) -> tuple[KeptOutcome, bool]:
        """The list of an arm, and whether its version failed."""
        if routed.loaded is champion:
            profile = self._making.profile(champion, wish.user_id, rungs=routed.rungs)
            kept = self._making.for_user(Maker(champion, routed.rungs), profile, wish)
            return as_far_as_known(kept, profile), kept.outcome.degraded
        own = None if routed.loaded is None else self._by_version(routed, routed.loaded, wish)
        if own is not None:
            return own, False
        kept = self._by_champion(champion, wish)
        return replace(kept, outcome=replace(kept.outcome, degraded=True)), True

    def _by_version(self, routed: Routed, loaded: LoadedVersion, wish: Wish) -> KeptOutcome | None:
        """The list of an arm's own version; `None` if it, or a step of it, fails."""
        try:
            profile = self._making.profile(loaded, wish.user_id, is_refused=False, rungs=routed.rungs)
            kept = self._making.for_user(Maker(loaded, routed.rungs, is_champion=False), profile, wish)
        except Exception as error:
            self._observe(ArmFailed(loaded.label, routed.place, error))
            return None
        return None if kept.outcome.degraded else as_far_as_known(kept, profile)


def rungs_of(arm: Arm, usual: Coldstart) -> Coldstart:
    """The cold-start ladder of an arm.

    Raises:
        Misconfigured: `arm_settings` if it names another setting, or what `Coldstart` says of the values.
    """
    unknown = sorted(arm.settings.keys() - set(ARM_SETTINGS))
    if unknown:
        raise Misconfigured(
            "arm_settings",
            f"The arm {ascii(arm.name)[:64]} has another {ascii(unknown[0])[:64]}, which cannot be other for an arm.",
            field="settings",
            fix=f"Choose among {', '.join(ARM_SETTINGS)}.",
        )
    odd = sorted(name for name, value in arm.settings.items() if value != int(value))
    if odd:
        detail = f"{odd[0]} of the arm {ascii(arm.name)[:64]} is {arm.settings[odd[0]]}, no whole number."
        raise Misconfigured("arm_settings", detail, field="settings", fix="Give a whole number.")
    return replace(usual, **{name.removeprefix("coldstart."): int(value) for name, value in arm.settings.items()})
