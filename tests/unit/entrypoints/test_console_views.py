"""What the console says of versions, rollouts, A/B tests, runs, access and trails, from what their desks say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tacit.bootstrap.trails import Finding
from tacit.entrypoints.console.ab_view import ab_sheet, plan_said
from tacit.entrypoints.console.access_view import ROLES_SAID, SCOPES_SAID, block_row, key_row, wish_said
from tacit.entrypoints.console.bullets import bullet
from tacit.entrypoints.console.checks_view import gate_checks
from tacit.entrypoints.console.compare_view import compared
from tacit.entrypoints.console.curves import drawn_curve
from tacit.entrypoints.console.forms import Form
from tacit.entrypoints.console.resting import Rested
from tacit.entrypoints.console.rollouts_view import live_rollout, rollout_row, stage_marks, step_rows
from tacit.entrypoints.console.runs_view import run_sheet, runs_compared
from tacit.entrypoints.console.trails_view import Sought, access_question, act_question, act_row, verified_rows
from tacit.entrypoints.console.versions_view import move_rows, version_row, version_sheet
from tacit.errors import BadInput
from tacit.models.experiments.runs import Outcome, Recipe, Run
from tacit.registry.versions import FileEntry, Manifest
from tacit.rollout.ab import AbTest
from tacit.rollout.ab_desk import plan_of
from tacit.rollout.ab_report import report
from tacit.rollout.analysis import judge_stage
from tacit.rollout.evidence import ArmEvidence, Limits, StageEvidence
from tacit.rollout.outcomes import Outcomes
from tacit.rollout.rollout_desk import Status
from tacit.rollout.rollouts import Course, Rollout, State, step_of
from tacit.rollout.traffic import Shadow, TrafficPlan
from tacit.security.audit import AuditEntry
from tacit.security.audit_chain import linked
from tacit.security.blocks import Block
from tacit.security.key_store import KeyUse
from tacit.security.key_wishes import wish_of
from tacit.security.keys import ApiKey, KeySecret
from tacit.security.principals import ROLES, SCOPES
from tests.rollouts import arm, users

DAY = 86_400_000
GATE: dict[str, Any] = {
    "verdict": "fail",
    "reasons": ["no better"],
    "policy": "improve",
    "policy_reason": "It was asked for.",
    "metric": "ndcg@10",
    "champion": "the champion recommender/1",
    "champion_number": 1,
    "holdout": {"fingerprint": "f" * 64, "cases": 1_869},
    "evaluation": {
        "metrics": {"coverage@10": 0.2, "ndcg@10": 0.2723},
        "intervals": {"ndcg@10": [0.2629, 0.2819]},
        "segments": {"cold": {"cases": 29.0, "ndcg@10": 0.1}},
    },
    "baselines": {"popularity": {"ndcg@10": 0.0869}},
    "champion_metrics": {"ndcg@10": 0.2472},
    "findings": [
        {"gate": "enough_cases", "outcome": "pass", "reason": "Enough.", "numbers": {"cases": 1_869.0},
         "limits": {"gate.min_cases": 50.0}},
        {"gate": "better_than_champion", "outcome": "fail", "reason": "No better.",
         "numbers": {"cases": 1_869.0, "candidate": 0.2723, "incumbent": 0.2472, "low": 0.0207, "high": 0.03,
                     "lift": 0.1015, "lift_low": 0.0836, "lift_high": 0.1213},
         "limits": {"gate.min_lift": 0.05}},
        {"gate": "segment_light", "outcome": "insufficient", "reason": "Few.", "numbers": {"lift": -0.1},
         "limits": {"gate.max_segment_drop": 0.15}},
    ],
    "idle": [{"gate": "replay", "reason": "0 requests are recorded."}],
}  # fmt: skip


def manifest(number: int = 2, **gate: Any) -> Manifest:
    files = (FileEntry("item_factors.npy", 1_024, "a" * 64),)
    said = {**GATE, **gate}
    settings = {"factors": 16 * number, "seed": 1}
    return Manifest(
        "recommender", number, "recommender", "lastfm", "5eed" * 16, "c0de" * 16, settings, {"ndcg@10": 0.27}, said,
        {"watermark_ms": None, "dataset": "lastfm", "users": 9}, "2026-01-02T12:00:00Z", files,
    )  # fmt: skip


def test_checks_stand_in_the_order_of_how_much_they_matter_each_measured_beside_its_limit() -> None:
    rows = gate_checks(GATE)

    assert [row.outcome for row in rows] == ["fail", "insufficient", "pass", "idle"]
    champion, segment, cases, replay = rows
    assert (champion.measured, champion.limit) == (
        "+10.2\N{NARROW NO-BREAK SPACE}%",
        "at least +5.0\N{NARROW NO-BREAK SPACE}%",
    )
    assert champion.interval == "+8.4\N{NARROW NO-BREAK SPACE}% to +12.1\N{NARROW NO-BREAK SPACE}%"
    assert segment.limit == "at least \N{MINUS SIGN}15.0\N{NARROW NO-BREAK SPACE}%"
    assert (cases.measured, cases.limit) == ("1,869", "at least 50")
    assert (replay.reason, replay.bar) == ("0 requests are recorded.", None)


def test_a_gate_record_of_an_earlier_release_or_of_an_unknown_gate_is_shown_as_far_as_it_says() -> None:
    assert gate_checks({"verdict": "pass", "reasons": []}) == ()
    [row] = gate_checks({"findings": [{"gate": "brand_new", "outcome": "pass", "reason": "So it is."}]})

    assert (row.title, row.reason, row.bar) == ("Brand new", "So it is.", None)


@pytest.mark.parametrize(
    ("measured", "limit", "side", "is_beyond"),
    [(3.0, 2.0, "most", True), (1.0, 2.0, "most", False), (1.0, 2.0, "least", True), (3.0, 2.0, "least", False)],
)
def test_the_value_lies_in_the_coloured_part_of_its_bar_exactly_where_it_breaks_its_limit(
    measured: float, limit: float, side: Any, is_beyond: bool
) -> None:
    bar = bullet(measured, limit=limit, side=side)

    assert bar is not None
    assert bar.bad is not None
    begin, length = bar.bad
    assert (begin < bar.value < begin + length) is is_beyond
    assert all(0 <= place <= 100 for place in (bar.zero, bar.value, bar.limit or 0))


def test_a_value_beyond_all_proportion_leaves_its_limit_to_be_seen_and_none_has_no_bar() -> None:
    many = bullet(1_000_000, limit=30, side="least")

    assert many is not None
    assert many.value == 100
    assert 30 < (many.limit or 0) < 60
    assert [bullet(value, limit=1, side="most") for value in (None, float("nan"), "x", True)] == [None] * 4


def test_a_version_is_told_from_its_manifest_the_decisive_metric_first() -> None:
    sheet = version_sheet(manifest())
    row = version_row(
        {
            "number": 2,
            "verdict": "fail",
            "aliases": ["canary"],
            "created_at": "2026-01-02T12:00:00Z",
            "pruned_at": None,
        },
        manifest(),
    )

    assert [each.name for each in sheet.measures] == ["ndcg@10", "coverage@10"]
    assert (sheet.decisive and sheet.decisive.interval) == "0.2629 to 0.2819"
    assert {fact.name: fact.value for fact in sheet.origin}["Users"] == "9"
    assert sum(fact.name == "Dataset" for fact in sheet.origin) == 1
    assert (row.measure and row.measure.text, row.size_bytes, row.roles) == ("0.2723", 1_024, ("canary",))


def test_a_version_whose_manifest_cannot_be_used_stays_in_the_list_and_says_why() -> None:
    listed = {
        "number": 2,
        "verdict": "pass",
        "aliases": [],
        "created_at": "x",
        "pruned_at": "2026-01-02",
        "pinned_because": "law",
    }
    row = version_row(listed, None, problem="No trusted key signed it.")

    assert (row.problem, row.measure, row.size_bytes, row.created_ms) == ("No trusted key signed it.", None, None, None)
    assert (row.is_pruned, row.pinned_because) == (True, "law")


def test_two_versions_are_compared_by_what_their_gate_knew_and_coloured_only_where_intervals_part() -> None:
    earlier = manifest(
        1, evaluation={"metrics": {"ndcg@10": 0.2472}, "intervals": {"ndcg@10": [0.2386, 0.2559]}}, champion_number=None
    )
    found = compared(earlier, manifest())
    backwards = compared(manifest(), earlier)

    assert found.paired is not None
    assert (found.paired.later, found.paired.interval, found.paired.tone) == (2, "+0.0207 to +0.0300", "good")
    assert backwards.paired == found.paired
    assert [row.tone for row in found.metrics] == ["good", "quiet"]
    assert backwards.metrics[0].tone == "bad"
    assert [(row.name, row.differs) for row in found.settings] == [("factors", True), ("seed", False)]
    assert found.is_same_holdout


def test_moves_come_the_latest_first_and_the_one_at_which_the_ledger_breaks_is_marked() -> None:
    moves = [
        {"sequence": n, "kind": kind, "from_number": before, "to_number": n, "actor": "ann", "forced": False,
         "reason": "", "at": "2026-01-02T12:00:00Z", "gate": None, "signature": None, "digest": "d"}
        for n, kind, before in ((1, "promoted", None), (2, "rolled_back", 1))
    ]  # fmt: skip
    rows = move_rows(moves, broken=1)

    assert [(row.sequence, row.is_rollback, row.is_broken) for row in rows] == [(2, True, False), (1, False, True)]


COURSE = Course((5.0, 25.0, 100.0), bake_seconds=300, watch_seconds=600, limits=Limits())


def rollout(state: State = "canary", step: int = 0, *, course: Course = COURSE) -> Rollout:
    return Rollout(
        7, "recommender", 4, 3, 1, "manual", False, "ann", "better", 1_000, course, state, step, 2_000, "ann", ("why",)
    )


def test_stages_are_past_now_or_ahead_and_say_where_a_journey_ended() -> None:
    def marks(state: State, step: int, course: Course = COURSE) -> str:
        return " ".join(mark.state for mark in stage_marks(rollout(state, step, course=course)))

    assert marks("shadow", -1) == "now ahead ahead ahead ahead"
    assert marks("canary", 1) == "past past now ahead ahead"
    assert marks("watching", 2) == "past past past past now"
    assert marks("done", 2) == "past past past past past"
    assert marks("aborted", 0) == "past ended ahead ahead ahead"
    assert marks("watching", -1, replace(COURSE, steps=())) == "now"


def test_the_rollout_under_way_tells_what_there_is_to_judge_by_apart_from_what_it_is_judged_on() -> None:
    evidence = StageEvidence(
        0.05,
        30.0,
        300.0,
        ArmEvidence(arm(71), Outcomes(71, 21, 21, 0.0, 33)),
        ArmEvidence(arm(1_144), Outcomes(1_101, 344, 344, 0.0, 603)),
    )
    status = Status(rollout(), judge_stage(evidence, Limits()), [step_of(rollout("shadow", -1)), step_of(rollout())])
    told = live_rollout(status, TrafficPlan(1, shadow=Shadow("rollout-7", 4, 0.5)))

    assert [check.name for check in told.needs] == ["bake", "requests", "users", "champion_requests"]
    assert {"errors", "latency_p95", "clicks"} <= {check.name for check in told.limits}
    assert told.verdict_text == "3 of its checks cannot tell yet"
    assert (told.following, told.mirrored) == ("to 25 % of the users", "50.0\N{NARROW NO-BREAK SPACE}%")
    assert [row.state for row in step_rows(status.history)] == ["canary", "shadow"]
    assert rollout_row(rollout("aborted")).is_over


def test_nothing_is_mirrored_for_a_rollout_that_is_not_the_one_in_the_shadow() -> None:
    status = Status(rollout("watching", 2), None, [])
    told = live_rollout(status, TrafficPlan(1, shadow=Shadow("rollout-6", 4)))

    assert (told.mirrored, told.following, told.can_advance, told.can_abort) == ("", "", False, True)


PLAN = {"title": "t", "arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "version": 3}], "min_users": 50}


def test_the_intervals_of_a_test_lie_on_one_scale_with_no_difference_and_harm_marked() -> None:
    test = AbTest(1, "recommender", plan_of(PLAN), 0, "running", started_at_ms=0)
    told = report(
        test,
        {"a": Outcomes(400, 100, 100, 0.0, 100), "b": Outcomes(400, 160, 160, 0.0, 100)},
        {"a": users([4] * 100, [1] * 100), "b": users([4, 4] * 50, [1, 2] * 50)},
        history=users([], []),
    )
    sheet = ab_sheet(told, now_ms=14 * DAY)
    [effect] = sheet.effects

    assert effect.whisker is not None
    assert effect.whisker.low < effect.whisker.value < effect.whisker.high
    assert (effect.harm or 0) < sheet.zero < effect.whisker.value
    assert [arm.answers for arm in sheet.arms] == ["the champion", "version 3"]
    assert (sheet.fraction, sheet.is_mismatched) == (0.5, False)


def test_a_draft_is_told_without_effects_as_far_as_its_plan_goes() -> None:
    test = AbTest(1, "recommender", plan_of(PLAN), 0)
    sheet = ab_sheet(report(test, {}, {}, history=users([], [])), now_ms=0)

    assert (sheet.fraction, sheet.effects[0].whisker, sheet.effects[0].finding) == (None, None, "Too few users")


def test_a_form_of_a_test_says_a_plan_that_the_desk_reads() -> None:
    fields = {
        "title": "x", "arm_1": "control", "share_1": "50", "arm_2": "b", "share_2": "50", "version_2": "3",
        "share_3": "", "metric": "ctr", "harm_limit": "5", "min_users": "200", "guardrail": "watch_seconds",
    }  # fmt: skip
    plan = plan_of(plan_said(Form(tuple(fields.items()))))

    assert [(arm.name, arm.share, arm.version) for arm in plan.arms] == [("control", 0.5, None), ("b", 0.5, 3)]
    assert (plan.harm_limit, [each.metric for each in plan.guardrails]) == (0.05, ["watch_seconds"])
    with pytest.raises(BadInput, match="share 1 is no number"):
        plan_said(Form((("arm_1", "a"), ("share_1", "half"))))


def run(name: str, **said: Any) -> Run:
    recipe = Recipe("s", "c", "validation", {"factors": said.pop("factors", 8), "seed": 1})
    outcome = Outcome(**{"metrics": {"ndcg@10": 0.2, "gini@10": 0.9, "popularity/ndcg@10": 0.1}, **said})
    return Run(name, "sweep", "seven", name, "lastfm", recipe, outcome, "2026-01-02T12:00:00Z", "2026-01-02T12:00:09Z")


def test_runs_side_by_side_name_the_best_of_each_metric_and_what_was_set_otherwise() -> None:
    better = run("b", metrics={"ndcg@10": 0.3, "gini@10": 0.95}, factors=16)
    found = runs_compared([run("a"), better])

    assert {row.name: row.best for row in found.metrics} == {"nDCG at 10": (1,), "Unevenness (Gini) at 10": (0,)}
    assert [(row.name, row.differs) for row in found.parameters] == [("factors", True), ("seed", False)]


def test_a_run_is_told_beside_the_baselines_that_it_was_scored_with_and_along_the_way() -> None:
    sheet = run_sheet(run("a", curves={"loss": ((1, 9.0), (2, 3.0))}))
    drawn = drawn_curve(*sheet.curves[0])

    assert sheet.baselines == ("Popularity",)
    assert next((row.title, row.value, row.baselines) for row in sheet.metrics) == ("nDCG at 10", "0.2000", ("0.1000",))
    assert drawn is not None
    assert drawn.path == "M0.00 3.00L100.00 37.00"
    assert drawn_curve("loss", ((1, 2.0),)) is None


def test_a_key_says_what_it_may_how_long_and_whether_an_old_secret_still_holds() -> None:
    key = ApiKey(
        "ab12cd34", "shop", "ann", ROLES["reader"], "reader", 0, "ann",
        (KeySecret("d", 5), KeySecret("e", 0, ends_at_ms=DAY)), expires_at_ms=3 * DAY,
    )  # fmt: skip
    row = key_row(key, KeyUse(7, 9), now_ms=10)

    assert (row.state, row.may, row.scopes, row.is_expiring) == ("active", "reader", ("lists:read", "users:read"), True)
    assert (row.old_until_ms, row.uses, row.used_ms) == (DAY, 7, 9)
    assert key_row(key, None, now_ms=4 * DAY).state == "expired"
    assert (set(SCOPES_SAID), set(ROLES_SAID)) == (set(SCOPES), set(ROLES))


def test_a_form_wishes_for_a_key_by_its_role_or_by_the_scopes_that_are_ticked() -> None:
    ticked = Form(
        (("name", "x"), ("may", "scopes"), ("scope", "lists:read"), ("scope", "events:write"), ("expires", ""))
    )
    by_role = Form((("name", "x"), ("may", "writer"), ("scope", "lists:read"), ("expires", "90d"), ("exempt", "yes")))
    found = [wish_of(wish_said(form), now_ms=0) for form in (ticked, by_role)]

    assert [each.scopes for each in found] == [{"lists:read", "events:write"}, ROLES["writer"]]
    assert [each.expires_at_ms for each in found] == [None, 90 * DAY]
    assert [each.is_exempt for each in found] == [False, True]


def test_a_block_holds_is_over_or_was_lifted() -> None:
    block = Block("b", "203.0.113.7", "why", "automatic", "rule", 0, 100)

    assert [block_row(block, now_ms=at).state for at in (50, 100)] == ["blocked", "over"]
    assert block_row(replace(block, lifted_at_ms=20), now_ms=50).state == "lifted"


def test_what_is_looked_for_in_a_trail_is_read_strictly_and_carried_from_page_to_page() -> None:
    sought = Sought({"action": "model_", "since": "2026-01-02", "until": "2026-01-02"}, "9")
    question = act_question(sought)

    assert (question.since, question.until) == ("2026-01-02T00:00:00.000+00:00", "2026-01-03T00:00:00.000+00:00")
    assert sought.address("/a", before=4) == "/a?action=model_&since=2026-01-02&until=2026-01-02&before=4"
    assert sought.place == 9
    assert access_question(Sought({"until": "2026-01-02T12:00"})).until_ms == 1_767_355_200_000
    for fields, code in (
        ({"since": "soon"}, "time_invalid"),
        ({"kind": "odd"}, "choice_unknown"),
        ({"actor": "x" * 201}, "text_too_long"),
    ):
        with pytest.raises(BadInput) as refusal:
            access_question(Sought(fields))
        assert refusal.value.code == code
    with pytest.raises(BadInput, match="no place"):
        _ = Sought({}, "x").place


def test_an_act_shows_digests_by_their_beginning_and_times_as_times() -> None:
    entry = AuditEntry(
        "caller_blocked", "ann", "caller/x", "2026-01-02T12:00:00Z", {"until_ms": 0, "ledger": "ab" * 32, "n": 3}
    )
    row = act_row(linked(entry, None))

    assert row.action_text == "Caller blocked"
    assert row.facts == (
        ("until", "1970-01-01 00:00:00 UTC", "1970-01-01 00:00:00 UTC"),
        ("ledger", "abababababab…", "ab" * 32),
        ("n", "3", "3"),
    )


def test_a_broken_trail_shows_the_very_entry_at_which_it_breaks() -> None:
    link = linked(AuditEntry("key_created", "ann", "key/x", "2026-01-02T12:00:00Z"), None)
    found = verified_rows([Finding("audit", 3, 1, 0), Finding("accesses", 2, None, 1)], [link])

    assert [(each.trail, each.first_broken) for each in found] == [("audit", 1), ("accesses", None)]
    assert (found[0].broken and found[0].broken.subject, found[1].broken) == ("key/x", None)


def test_what_is_dear_to_read_is_read_again_only_once_it_has_rested() -> None:
    now, reads = [0.0], []

    def read(about: int) -> int:
        reads.append(about)
        now[0] += 1
        return len(reads)

    rested = Rested(read, rest=10, least=5, timer=lambda: now[0])
    first = [rested(1), rested(1)]
    now[0] += 10
    later = rested(1)
    rested.forget()

    assert (first, later, rested(1)) == ([1, 1], 2, 3)
