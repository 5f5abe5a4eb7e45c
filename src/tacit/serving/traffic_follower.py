"""Carrying out the plan in one process: what it takes is loaded first, and then put in force by one swap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from tacit.errors import TacitError
from tacit.rollout.traffic import Arm, Place, Shadow, Split, TrafficPlan, TrafficStore
from tacit.serving.arm_tallies import ArmTallies
from tacit.serving.events import Observer, TrafficLost, TrafficRouted, unobserved
from tacit.serving.ladder import USUAL_RUNGS, Coldstart
from tacit.serving.model_pool import LoadedVersion, ModelPool, RefusedVersion
from tacit.serving.routing import ArmRoute, Roster, rungs_of
from tacit.serving.shadowing import Shadowing, nothing

Known = LoadedVersion | RefusedVersion


class TrafficFollower:
    """Follows the plan, and keeps the versions loaded that it names beside the champion.

    A version is verified, loaded and asked before it gets any traffic; until then the champion answers.  One that
    cannot be is tried again every half minute; its arm is answered by the champion, and each of these answers counts as
    the arm's error.  A version that leaves the plan is let go.

    Args:
        plans: Keeps the plan.
        pool: Keeps the champion, and gets versions ready.
        tallies: Count what becomes of requests.
        name: Whose plan.
        rungs: The cold-start ladder where no arm has another.
        step_back: Gives a shadow's thread the lowest priority.
        observe: Told what happened.
        timer: Seconds that never go back.
        poll_seconds: How often the plan is read.
        retry_seconds: How long a refused version is left alone.
    """

    def __init__(
        self,
        plans: TrafficStore,
        pool: ModelPool,
        tallies: ArmTallies,
        *,
        name: str = "recommender",
        rungs: Coldstart = USUAL_RUNGS,
        step_back: Callable[[], None] = nothing,
        observe: Observer = unobserved,
        timer: Callable[[], float] = time.monotonic,
        poll_seconds: float = 1.0,
        retry_seconds: float = 30.0,
    ) -> None:
        self._plans = plans
        self._pool = pool
        self._tallies = tallies
        self._name = name
        self._rungs = rungs
        self._step_back = step_back
        self._observe = observe
        self._timer = timer
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._roster = Roster()
        self._known: Mapping[int, Known] = {}
        self._retry_at: dict[int, float] = {}
        self._is_lost = False
        self._following = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def roster(self) -> Roster:
        """What every answer that begins now keeps to."""
        return self._roster

    def in_use(self) -> Sequence[LoadedVersion]:
        """The versions beside the champion's own that are asked, or about to be."""
        return tuple(known for known in self._known.values() if isinstance(known, LoadedVersion))

    def refused(self) -> Sequence[RefusedVersion]:
        """The versions that the plan names and nobody can have."""
        return tuple(known for known in self._known.values() if isinstance(known, RefusedVersion))

    def start(self) -> None:
        """Put the plan in force as it is now, then follow it in a thread until `stop`."""
        self.poll()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; the champion answers everybody."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        with self._following:
            self._put_in_force(TrafficPlan(revision=self._roster.plan.revision))
            self._known = {}

    def poll(self) -> None:
        """`refresh`, where a plan that cannot be read, or not be carried out, is told of: what is in force stays."""
        try:
            self.refresh()
        except Exception as error:
            if not self._is_lost:
                code = error.code if isinstance(error, TacitError) else "unexpected"
                self._observe(TrafficLost(code, ascii(str(error))[:200]))
            self._is_lost = True
        else:
            self._is_lost = False

    def refresh(self) -> None:
        """Put the plan in force as it is now.

        Raises:
            Unavailable: It cannot be read.
        """
        with self._following:
            self._keep_counting()
            plan = self._plans.plan(self._name)
            due = self._due(plan)
            if plan == self._roster.plan and not due:
                return
            if plan.split is not None and _versions(self._roster.plan) - _versions(plan):
                # A version that leaves the plan may have become the champion by the same write: whoever met it must not
                # meet the one of before again until the pool looks.
                self._pool.refresh()
            # What needs no loading comes first: an arm that is to end must not go on while another version is loaded.
            self._put_in_force(self._without_what_is_missing(plan))
            for number in due:
                self._bring(number)
                self._keep_counting()
            # Loading may take long: what was given up meanwhile must not begin now.
            latest = self._latest(plan) if due else plan
            self._put_in_force(self._without_what_is_missing(latest))
            self._let_go_of_all_but(_versions(latest))

    def _run(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            self.poll()

    def _latest(self, plan: TrafficPlan) -> TrafficPlan:
        """The plan as it is now; the one that was read before where that cannot be told."""
        try:
            return self._plans.plan(self._name)
        except Exception:
            return plan  # the next look tells of it

    def _keep_counting(self) -> None:
        for route in self._roster.arms.values():
            self._tallies.keep_arm(route.place, route.tally)
        shadow, planned = self._roster.shadow, self._roster.plan.shadow
        if shadow is not None and planned is not None:
            self._tallies.keep_shadow(planned.split_id, shadow.tally)

    def _due(self, plan: TrafficPlan) -> Sequence[int]:
        """The versions that are still to be loaded, or to be tried again."""
        return [number for number in sorted(_versions(plan)) if self._is_due(number)]

    def _is_due(self, number: int) -> bool:
        known = self._known.get(number)
        return known is None or (isinstance(known, RefusedVersion) and self._timer() >= self._retry_at[number])

    def _bring(self, number: int) -> None:
        champion = self._pool.loaded
        is_champion = champion is not None and champion.version.number == number
        known = champion if champion is not None and is_champion else self._pool.ready(number)
        # Once it is at hand, whoever prepares versions keeps it prepared.
        self._known = {**self._known, number: known}
        self._retry_at[number] = self._timer() + self._retry_seconds

    def _without_what_is_missing(self, plan: TrafficPlan) -> TrafficPlan:
        """A plan without what needs versions that are still to be loaded."""
        missing = _versions(plan) - self._known.keys()
        arms = () if plan.split is None else plan.split.arms
        split = None if any(arm.version in missing for arm in arms) else plan.split
        shadow = None if plan.shadow is None or plan.shadow.version in missing else plan.shadow
        return replace(plan, split=split, shadow=shadow)

    def _let_go_of_all_but(self, numbers: set[int]) -> None:
        self._known = {number: known for number, known in self._known.items() if number in numbers}
        self._retry_at = {number: at for number, at in self._retry_at.items() if number in numbers}

    def _put_in_force(self, plan: TrafficPlan) -> None:
        before = self._roster
        arms = {} if plan.split is None else {arm.name: self._route(plan.split, arm) for arm in plan.split.arms}
        shadow = self._shadowing(plan.shadow, before)
        self._roster = Roster(plan, MappingProxyType(arms), shadow)
        if before.shadow is not None and before.shadow is not shadow:
            before.shadow.stop()
        if before.plan != plan:
            self._observe(TrafficRouted(plan))

    def _route(self, split: Split, arm: Arm) -> ArmRoute:
        place = Place(split.split_id, split.stage, arm.name)
        tally = self._tallies.of_arm(place)
        try:
            rungs = rungs_of(arm, self._rungs)
        except (TacitError, ValueError, OverflowError) as error:
            return ArmRoute(place, tally, self._rungs, arm.version, problem=str(error))
        known = None if arm.version is None else self._known.get(arm.version)
        if isinstance(known, RefusedVersion):
            return ArmRoute(place, tally, rungs, arm.version, problem=known.detail)
        return ArmRoute(place, tally, rungs, arm.version, known)

    def _shadowing(self, shadow: Shadow | None, before: Roster) -> Shadowing | None:
        if shadow is None:
            return None
        known = self._known.get(shadow.version)
        loaded = known if isinstance(known, LoadedVersion) else None
        if before.shadow is not None and shadow == before.plan.shadow and before.shadow.loaded is loaded:
            return before.shadow
        tally = self._tallies.of_shadow(shadow.split_id)
        made = Shadowing(loaded, self._rungs, share=shadow.share, tally=tally, step_back=self._step_back)
        made.start()
        return made


def _versions(plan: TrafficPlan) -> set[int]:
    """The versions that a plan names."""
    arms = () if plan.split is None else plan.split.arms
    shadow = () if plan.shadow is None else (plan.shadow.version,)
    return {*(arm.version for arm in arms if arm.version is not None), *shadow}
