"""A/B tests from draft to end: one at a time, each act in the audit trail, and a keeper that only ends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_ab import MemoryAbStore
from tacit.errors import BadInput, NotFound, Refused, TacitError
from tacit.rollout.ab import DAY_MS
from tacit.rollout.ab_desk import KEEPER, AbDesk, AbKeeper, AbRules, AbStores
from tacit.rollout.outcomes import Outcomes, UserOutcomes
from tacit.rollout.traffic import Arm, Split
from tacit.security.audit import AuditRecorder
from tests.traffic_stores import PlainTrafficStore

NOON = 1_767_355_200_000
PLAN = {"title": "Two arms", "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "version": 2}]}
NOBODY = UserOutcomes((), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def crowd(name: str, number: int, *, rate: float, seconds: float = 10.0) -> UserOutcomes:
    """Users of ten lists each, a share of which they click."""
    lists = np.full(number, 10, np.int64)
    clicked = np.random.default_rng(number).binomial(lists, rate)
    ids = tuple(f"{name}-{place:05}" for place in range(number))
    return UserOutcomes(ids, lists, clicked, seconds * clicked)


@dataclass
class Told:
    """Outcomes as a test says they are."""

    users: dict[str, UserOutcomes] = field(default_factory=dict)
    before: UserOutcomes = NOBODY
    asked: list[tuple[int, int]] = field(default_factory=list)

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return {
            arm: Outcomes(
                int(each.lists.sum()),
                int(each.clicked.sum()),
                int(each.clicked.sum()),
                float(each.watch_seconds.sum()),
                len(each.user_ids),
            )
            for arm, each in self.users.items()
        }

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        return self.users

    def of_users(self, *, since_ms: int, until_ms: int) -> UserOutcomes:
        self.asked.append((since_ms, until_ms))
        return self.before

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return {}

    by_version = anonymous = by_source


@dataclass
class Office:
    """A desk, and all it stands on."""

    is_on: bool = True
    now_ms: int = NOON
    keep_days: float = 90
    outcomes: Told = field(default_factory=Told)
    tests: MemoryAbStore = field(default_factory=MemoryAbStore)
    traffic: PlainTrafficStore = field(default_factory=PlainTrafficStore)
    trail: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)

    def check_version(self, number: int) -> None:
        if number != 2:
            raise NotFound("version_unknown", "There is no such version.", field="number")

    @property
    def desk(self) -> AbDesk:
        usual = {"coldstart.blended_from": 5, "coldstart.personal_from": 10}
        return AbDesk(
            AbStores(self.tests, self.traffic, self.outcomes),
            name="recommender",
            rules=AbRules(self.is_on, keep_days=self.keep_days, settings=usual),
            audit=AuditRecorder(self.trail),
            clock_ms=lambda: self.now_ms,
            check_version=self.check_version,
        )

    def start(self, **changes: Any) -> int:
        number = self.desk.create({**PLAN, **changes}, actor="ann").number
        self.desk.start(number, actor="ann")
        return number

    def tick(self) -> list[tuple[int, str]]:
        keeper = AbKeeper(self.desk, clock_ms=lambda: self.now_ms)
        return [(test.number, test.state) for test in keeper.tick()]

    def acts(self) -> list[tuple[str, str, str]]:
        return [(each.action, each.actor, each.subject) for each in reversed(self.trail.entries())]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.requirement("ROLL-005")
def test_a_test_divides_users_while_it_runs_and_no_longer(office: Office) -> None:
    number = office.start()
    during = office.traffic.plan("recommender").split
    office.now_ms += 60_000
    over = office.desk.stop(number, reason=" seen enough ", actor="bob")

    assert during == Split("ab-1", "ab", (Arm("a", 0.5), Arm("b", 0.5, 2)))
    assert office.traffic.plan("recommender").split is None
    assert (over.state, over.reason, over.started_at_ms, over.ended_at_ms) == (
        "stopped",
        "seen enough",
        NOON,
        NOON + 60_000,
    )
    assert office.acts() == [
        ("ab_created", "ann", "ab-1"),
        ("ab_started", "ann", "ab-1"),
        ("ab_stopped", "bob", "ab-1"),
    ]


def test_a_second_test_waits_until_the_first_is_over(office: Office) -> None:
    first = office.start()
    second = office.desk.create(PLAN, actor="ann").number

    with pytest.raises(Refused) as refusal:
        office.desk.start(second, actor="ann")
    assert refusal.value.code == "traffic_taken"

    office.desk.stop(first, reason="enough", actor="ann")
    office.desk.start(second, actor="ann")
    assert office.traffic.plan("recommender").split is not None


@pytest.mark.requirement("ROLL-012")
def test_switched_off_no_test_starts_and_one_that_runs_is_ended(office: Office) -> None:
    number = office.start()
    office.is_on = False

    assert office.tick() == [(number, "stopped")]
    assert office.traffic.plan("recommender").split is None
    with pytest.raises(Refused) as refusal:
        office.desk.start(office.desk.create(PLAN, actor="ann").number, actor="ann")
    assert (refusal.value.code, refusal.value.field) == ("ab_off", "ab.enabled")


@pytest.mark.parametrize(
    ("act", "kind", "code"),
    [
        (lambda desk: desk.test(9), NotFound, "ab_unknown"),
        (lambda desk: desk.stop(1, reason="x", actor="ann"), Refused, "ab_state"),
        (lambda desk: desk.stop(1, reason="  ", actor="ann"), BadInput, "field_missing"),
        (lambda desk: desk.create({**PLAN, "metric": "joy"}, actor="ann"), BadInput, "value_range"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_way_out(
    office: Office, act: Any, kind: type[TacitError], code: str
) -> None:
    office.desk.create(PLAN, actor="ann")

    with pytest.raises(kind) as refusal:
        act(office.desk)
    assert refusal.value.code == code
    assert refusal.value.fix


def test_an_arm_of_a_version_that_may_not_be_shown_is_refused_before_anybody_is_divided(office: Office) -> None:
    arms = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "version": 7}]

    with pytest.raises(NotFound):
        office.desk.create({**PLAN, "arms": arms}, actor="ann")
    assert office.desk.tests() == []


def test_settings_that_contradict_those_in_force_are_refused(office: Office) -> None:
    arms = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "settings": {"coldstart.personal_from": 4}}]

    with pytest.raises(BadInput) as refusal:
        office.desk.create({**PLAN, "arms": arms}, actor="ann")
    assert refusal.value.field == "arms"
    assert "blended_from" in refusal.value.detail


def test_a_test_that_would_outlive_the_lists_it_counts_is_refused(office: Office) -> None:
    with pytest.raises(BadInput) as at_once:
        office.desk.create({**PLAN, "max_days": 91}, actor="ann")
    number = office.desk.create({**PLAN, "max_days": 60}, actor="ann").number
    office.keep_days = 30
    with pytest.raises(BadInput) as later:
        office.desk.start(number, actor="ann")

    assert [(each.value.code, each.value.field) for each in (at_once, later)] == [("value_range", "max_days")] * 2
    assert office.traffic.plan("recommender").split is None


@pytest.mark.parametrize(("reason", "code"), [("a\nb", "reason_invalid"), ("\udcff", "reason_invalid")])
def test_a_reason_that_cannot_be_kept_ends_nothing(office: Office, reason: str, code: str) -> None:
    number = office.start()
    with pytest.raises(BadInput) as refusal:
        office.desk.stop(number, reason=reason, actor="ann")

    assert refusal.value.code == code
    assert office.desk.test(number).state == "running"


def test_harm_ends_a_test_and_the_reason_says_how_much(office: Office) -> None:
    number = office.start()
    office.outcomes.users = {"a": crowd("a", 900, rate=0.3), "b": crowd("b", 900, rate=0.2)}

    assert office.tick() == [(number, "stopped")]
    test = office.desk.test(number)
    assert "does more harm than is allowed" in test.reason
    assert office.acts()[-1] == ("ab_stopped", KEEPER, "ab-1")
    assert office.traffic.plan("recommender").split is None


def test_harm_to_a_guardrail_ends_a_test_that_its_metric_would_not(office: Office) -> None:
    number = office.start(guardrails=[{"metric": "watch_seconds", "harm_limit": 0.1}])
    office.outcomes.users = {"a": crowd("a", 900, rate=0.3), "b": crowd("b", 900, rate=0.3, seconds=5.0)}

    assert office.tick() == [(number, "stopped")]
    assert "watch_seconds" in office.desk.test(number).reason


def test_shares_that_are_off_end_a_test_whatever_its_metric_says(office: Office) -> None:
    number = office.start()
    office.outcomes.users = {"a": crowd("a", 2_000, rate=0.2), "b": crowd("b", 1_500, rate=0.3)}
    found = office.desk.report(number)

    assert (found.stop, found.winner) == ("shares", None)
    assert office.tick() == [(number, "stopped")]
    assert "not divided as planned" in office.desk.test(number).reason


def test_a_test_is_finished_when_its_days_are_over_and_its_winner_is_only_named(office: Office) -> None:
    number = office.start(max_days=2)
    office.outcomes.users = {"a": crowd("a", 2_000, rate=0.2), "b": crowd("b", 2_000, rate=0.3)}
    office.now_ms += 2 * DAY_MS - 1
    before = office.tick()
    office.now_ms += 1

    assert (before, office.tick()) == ([], [(number, "finished")])
    assert office.desk.report(number).winner == "b"
    assert {action for action, _, _ in office.acts()} == {"ab_created", "ab_started", "ab_finished"}


def test_too_few_users_end_nothing_however_bad_they_look(office: Office) -> None:
    number = office.start()
    office.outcomes.users = {"a": crowd("a", 199, rate=0.9), "b": crowd("b", 199, rate=0.01)}

    assert office.tick() == []
    found = office.desk.report(number)
    assert [effect.finding for effect in found.effects] == ["too_few_users"]
    assert "199 of 200" in found.verdict


def test_a_test_whose_split_somebody_replaced_ends_and_leaves_the_other_alone(office: Office) -> None:
    number = office.start()
    other = Split("rollout-7", "canary-5", (Arm("canary", 1.0, 3),))
    office.traffic.set_split("recommender", None, split_id="ab-1")
    office.traffic.set_split("recommender", other, split_id="rollout-7")

    assert office.tick() == [(number, "stopped")]
    assert office.traffic.plan("recommender").split == other


def test_two_keepers_end_a_test_once(office: Office) -> None:
    office.start(max_days=0.001)
    office.now_ms += DAY_MS
    running = list(office.desk.tests("running"))
    assert office.tick() == [(1, "finished")]
    late = AbKeeper(office.desk, clock_ms=lambda: office.now_ms)

    assert late._looked_at(running[0]) is None
    assert [action for action, _, _ in office.acts()].count("ab_finished") == 1


def test_a_report_is_plain_json_whatever_is_known(office: Office) -> None:
    draft = office.desk.create(PLAN, actor="ann").number
    assert json.loads(json.dumps(office.desk.report(draft).as_dict(), allow_nan=False))["mismatch_p"] == 1.0

    number = office.start(guardrails=[{"metric": "watch_seconds", "harm_limit": 0.1}])
    office.outcomes.users = {"a": crowd("a", 500, rate=0.0), "b": crowd("b", 500, rate=0.2)}
    told = json.loads(json.dumps(office.desk.report(number).as_dict(), allow_nan=False))

    assert told["outcomes"]["a"]["ctr"] == 0.0
    assert told["effects"][0]["relative"] is None
    assert "0 in a" in told["verdict"]


def test_what_users_did_before_makes_the_interval_narrower(office: Office) -> None:
    number = office.start()
    tastes = np.random.default_rng(1).beta(2, 6, (2, 1_000))
    draws = np.random.default_rng(2)
    lists = np.full(1_000, 10, np.int64)
    ids = [tuple(f"{arm}-{place:04}" for place in range(1_000)) for arm in "ab"]
    after, before = (
        [UserOutcomes(ids[arm], lists, draws.binomial(10, tastes[arm]), np.zeros(1_000)) for arm in (0, 1)]
        for _ in range(2)
    )
    office.outcomes.users = dict(zip("ab", after, strict=True))
    plain = office.desk.report(number).effects[0]
    # A click within a day of the start may be the test's own doing.
    assert office.outcomes.asked == [(NOON - 28 * DAY_MS, NOON - DAY_MS)]
    office.outcomes.before = UserOutcomes(
        ids[0] + ids[1], np.tile(lists, 2), np.concatenate([each.clicked for each in before]), np.zeros(2_000)
    )
    known = office.desk.report(number).effects[0]

    assert plain.reduction == 0
    assert known.reduction > 0.2
    assert known.relative_high - known.relative_low < 0.92 * (plain.relative_high - plain.relative_low)


ACTS = st.lists(st.sampled_from(["create", "start", "stop", "off", "on", "harm", "later", "tick"]), max_size=25)


@given(ACTS)
def test_whatever_happens_at_most_one_test_runs_and_it_is_the_one_in_force(acts: list[str]) -> None:
    office = Office()
    for act in acts:
        _do(office, act)
        running = list(office.desk.tests("running"))
        split = office.traffic.plan("recommender").split
        assert len(running) <= 1
        assert (None if split is None else split.split_id) == (running[0].split_id if running else None)


def _do(office: Office, act: str) -> None:
    drafts, running = office.desk.tests("draft"), office.desk.tests("running")
    if act == "create":
        office.desk.create({**PLAN, "max_days": 1}, actor="ann")
    elif act == "start" and drafts and not running and office.is_on:
        office.desk.start(drafts[-1].number, actor="ann")
    elif act == "stop" and running:
        office.desk.stop(running[0].number, reason="enough", actor="ann")
    elif act in ("off", "on"):
        office.is_on = act == "on"
    elif act == "harm":
        office.outcomes.users = {"a": crowd("a", 300, rate=0.5), "b": crowd("b", 300, rate=0.1)}
    elif act == "later":
        office.now_ms += DAY_MS
    elif act == "tick":
        office.tick()
