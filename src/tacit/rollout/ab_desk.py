"""Where A/B tests are made, started, ended and looked at; and who ends them when nobody does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from tacit.data.validation import escaped
from tacit.errors import BadInput, NotFound, Refused
from tacit.registry.interfaces import ActRecorder, Transaction
from tacit.rollout.ab import DAY_MS, HOUR_MS, AbPlan, AbState, AbStore, AbTest
from tacit.rollout.ab_plans import ARM_SETTINGS, plan_of
from tacit.rollout.ab_report import AbReport, report
from tacit.rollout.outcomes import DEFAULT_WINDOW_HOURS, OutcomeReports, UserOutcomes
from tacit.rollout.rollout_desk import check_reason
from tacit.rollout.traffic import TrafficStore

KEEPER = "ab-keeper"
"""How the audit trail names what ends tests by itself."""

_NOBODY = UserOutcomes((), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

CheckVersion = Callable[[int], None]
"""Raises unless a version may be shown to users: it exists, verifies, and passed its gate."""


@dataclass(frozen=True)
class AbStores:
    """What A/B tests rest on.

    Attributes:
        tests: Keeps them.
        traffic: Keeps how users are divided.
        outcomes: Says what came of the lists.
    """

    tests: AbStore
    traffic: TrafficStore
    outcomes: OutcomeReports


@dataclass(frozen=True)
class AbRules:
    """What the installation says of A/B tests.

    Attributes:
        is_on: Whether any may run.
        window_hours: How long after a list an event still counts for it.
        keep_days: How long lists that were shown are kept.
        settings: The settings an arm may have other, as they are for everybody else.
    """

    is_on: bool = True
    window_hours: float = DEFAULT_WINDOW_HOURS
    keep_days: float = math.inf
    settings: Mapping[str, float] = field(default_factory=dict)


class AbDesk:
    """What a person may do with A/B tests.

    Every act and its entry in the audit trail appear together with the change of how users are divided.

    Args:
        stores: What the tests rest on.
        name: The model whose users are divided.
        rules: What the installation says.
        audit: Told of every act.
        clock_ms: Tells the time, in milliseconds since 1970, UTC.
        check_version: Asked of every version before it is shown to users.
        transaction: Makes what belongs together appear together.
    """

    def __init__(
        self,
        stores: AbStores,
        *,
        name: str,
        rules: AbRules,
        audit: ActRecorder,
        clock_ms: Callable[[], int],
        check_version: CheckVersion,
        transaction: Transaction = nullcontext,
    ) -> None:
        self._stores = stores
        self._name = name
        self._rules = rules
        self._audit = audit
        self._clock_ms = clock_ms
        self._check_version = check_version
        self._transaction = transaction
        self._known: tuple[int, UserOutcomes] | None = None

    @property
    def is_on(self) -> bool:
        """Whether any test may run."""
        return self._rules.is_on

    def create(self, said: Mapping[str, object], *, actor: str) -> AbTest:
        """Write down a test that somebody plans; nobody is divided yet.

        Raises:
            BadInput: What `plan_of` says of the plan, or `value_range` where settings contradict each other, or it
                would go on for longer than lists are kept.
            NotFound, Refused: What is wrong with the version of an arm.
        """
        plan = plan_of(said)
        self._check_days(plan)
        for arm in plan.arms:
            self._check_settings(arm.name, arm.settings)
            if arm.version is not None:
                self._check_version(arm.version)
        with self._transaction():
            test = self._stores.tests.add(self._name, plan, created_at_ms=self._clock_ms())
            self._record("ab_created", test, actor, title=plan.title)
        return test

    def start(self, number: int, *, actor: str) -> AbTest:
        """Divide users from now on.

        Raises:
            BadInput: `value_range` if it would go on for longer than lists are kept by now.
            NotFound: `ab_unknown`.
            Refused: `ab_off`, `ab_state`, `traffic_taken`, or what is wrong with the version of an arm.
        """
        if not self.is_on:
            detail = "A/B tests are switched off."
            raise Refused("ab_off", detail, field="ab.enabled", fix="Set ab.enabled to true, and start it again.")
        test = self.test(number)
        running = test.started(self._clock_ms())
        self._check_days(test.plan)
        for arm in test.plan.arms:
            if arm.version is not None:
                self._check_version(arm.version)
        with self._transaction():
            self._stores.traffic.set_split(self._name, running.split, split_id=running.split_id)
            self._stores.tests.move(running, expected="draft")
            self._record("ab_started", running, actor, arms=[arm.name for arm in running.plan.arms])
        return running

    def stop(
        self, number: int, *, reason: str, actor: str, state: Literal["stopped", "finished"] = "stopped"
    ) -> AbTest:
        """Divide users no longer; the champion answers everybody, and what was counted stays.

        Raises:
            BadInput: `field_missing` without a reason, `reason_invalid` for one that cannot be kept.
            NotFound: `ab_unknown`.
            Refused: `ab_state` unless it runs, `ab_moved` if somebody else ended it meanwhile.
        """
        if not reason.strip():
            raise BadInput("field_missing", "It is not said why.", field="reason", fix="Say why, for the audit trail.")
        test = self.test(number)
        over = test.ended(state, reason=check_reason(reason.strip()[:500]), at_ms=self._clock_ms())
        with self._transaction():
            self._stores.tests.move(over, expected="running")
            # If somebody divides users otherwise already, that is not ours to end.
            if self.is_in_force(test):
                self._stores.traffic.set_split(self._name, None, split_id=over.split_id)
            self._record(f"ab_{state}", over, actor, reason=over.reason)
        return over

    def test(self, number: int) -> AbTest:
        """A test.

        Raises:
            NotFound: `ab_unknown`.
        """
        test = self._stores.tests.test(number)
        if test is None or test.name != self._name:
            detail = f"There is no A/B test {number}."
            raise NotFound("ab_unknown", detail, field="number", fix="`tacit ab list` names those there are.")
        return test

    def tests(self, state: AbState | None = None) -> Sequence[AbTest]:
        """All tests, newest first."""
        return self._stores.tests.tests(self._name, state=state)

    def is_in_force(self, test: AbTest) -> bool:
        """Whether users are divided as a test says."""
        split = self._stores.traffic.plan(self._name).split
        return split is not None and split.split_id == test.split_id

    def report(self, number: int) -> AbReport:
        """What is known of a test now.

        Raises:
            NotFound: `ab_unknown`.
        """
        test = self.test(number)
        if test.started_at_ms is None:
            return report(test, {}, {}, history=_NOBODY)
        outcomes, since = self._stores.outcomes, test.started_at_ms
        return report(
            test,
            outcomes.by_arm(test.split_id, since_ms=since),
            outcomes.by_user(test.split_id, since_ms=since),
            history=self._history(test, since),
        )

    def _history(self, test: AbTest, started_at_ms: int) -> UserOutcomes:
        """What came of users' lists before a test began; asked for once, as a month of it costs seconds.

        Lists count of which everything was known when the test began: a click that came later may be its doing, and
        what an arm did must not be taken off the arm's effect.
        """
        if self._known is not None and self._known[0] == test.number:
            return self._known[1]
        until = started_at_ms - round(self._rules.window_hours * HOUR_MS)
        since = started_at_ms - round(test.plan.history_days * DAY_MS)
        found = _NOBODY if since >= until else self._stores.outcomes.of_users(since_ms=since, until_ms=until)
        self._known = (test.number, found)
        return found

    def _check_days(self, plan: AbPlan) -> None:
        """See that what a test counts stays until its end: users whose lists are gone would be missing from an arm."""
        if plan.max_days > self._rules.keep_days:
            detail = f"It may go on for {plan.max_days:g} days; lists are kept for {self._rules.keep_days:g}."
            fix = "Choose fewer days, or raise exposures.keep_days."
            raise BadInput("value_range", detail, field="max_days", fix=fix)

    def _check_settings(self, arm: str, settings: Mapping[str, float]) -> None:
        least, own = ({**self._rules.settings, **settings}.get(name, 1.0) for name in ARM_SETTINGS)
        if settings and own < least:
            detail = f"In arm {escaped(arm)} personal_from would be {own:g}, below blended_from, which is {least:g}."
            raise BadInput("value_range", detail, field="arms", fix="Set both, personal_from to no less.")

    def _record(self, action: str, test: AbTest, actor: str, **facts: object) -> None:
        at = datetime.fromtimestamp(self._clock_ms() / 1_000, UTC).isoformat(timespec="milliseconds")
        self._audit.record(action, actor=actor, subject=test.split_id, at=at, facts=facts)


class AbKeeper:
    """Ends tests that must not go on; it starts none, and promotes nobody.

    Several processes may keep at once: whoever ends a test first has ended it.

    Args:
        desk: Where the tests are.
        clock_ms: Tells the time, in milliseconds since 1970, UTC.
    """

    def __init__(self, desk: AbDesk, *, clock_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._clock_ms = clock_ms

    def tick(self) -> Sequence[AbTest]:
        """Look at every test that runs; the tests that were ended."""
        ended = (self._looked_at(test) for test in self._desk.tests("running"))
        return [test for test in ended if test is not None]

    def _looked_at(self, test: AbTest) -> AbTest | None:
        state, reason = self._reason_to_end(test)
        if reason is None:
            return None
        try:
            return self._desk.stop(test.number, reason=reason, actor=KEEPER, state=state)
        except Refused as problem:
            if problem.code in ("ab_moved", "ab_state"):
                return None
            raise

    def _reason_to_end(self, test: AbTest) -> tuple[Literal["stopped", "finished"], str | None]:
        if not self._desk.is_on:
            return "stopped", "A/B tests are switched off."
        if not self._desk.is_in_force(test):
            return "stopped", "Users are no longer divided as it says."
        found = self._desk.report(test.number)
        if found.stop is not None:
            return "stopped", found.verdict
        if test.due_at_ms is not None and self._clock_ms() >= test.due_at_ms:
            return "finished", f"Its {test.plan.max_days:g} days are over. {found.verdict}"
        return "stopped", None
