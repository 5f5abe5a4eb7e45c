"""A plan of an A/B test is read strictly, and comes back from its plain values as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import BadInput
from tacit.rollout.ab import AB_METRICS, AbPlan, Guardrail
from tacit.rollout.ab_plans import plan_as_dict, plan_of
from tacit.rollout.traffic import Arm

ARMS = [{"name": "control", "share": 0.5}, {"name": "b", "share": 0.5, "version": 3}]
NUMBERS = st.floats(0.001, 1, allow_nan=False)


def said(**changes: Any) -> dict[str, Any]:
    return {"title": "Sooner personal", "arms": ARMS, **changes}


def second(**changes: Any) -> dict[str, Any]:
    return said(arms=[ARMS[0], {**ARMS[1], **changes}])


def test_a_plan_with_nothing_but_arms_gets_the_usual_limits() -> None:
    plan = plan_of(said())

    assert plan == AbPlan("Sooner personal", (Arm("control", 0.5), Arm("b", 0.5, 3)))
    assert (plan.metric, plan.harm_limit, plan.min_users, plan.max_days) == ("ctr", 0.05, 200, 28.0)


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=8),
    st.permutations(AB_METRICS),
    st.integers(0, 2),
    NUMBERS,
    st.integers(50, 10_000),
)
def test_a_plan_comes_back_from_its_plain_values(
    parts: list[int], metrics: list[Any], guarded: int, limit: float, users: int
) -> None:
    arms = tuple(
        Arm(f"arm-{place}", part / sum(parts), place or None, {"coldstart.personal_from": 10.0 + place})
        for place, part in enumerate(parts)
    )
    guardrails = tuple(Guardrail(metric, limit) for metric in metrics[1 : 1 + guarded])
    plan = AbPlan("ä", arms, metrics[0], limit, guardrails, expected_effect=limit, min_users=users)

    assert plan_of(json.loads(json.dumps(plan_as_dict(plan)))) == plan


@pytest.mark.parametrize(
    ("plan", "code", "field"),
    [
        (said(titel="x"), "field_unknown", "titel"),
        ({"arms": ARMS}, "field_missing", "title"),
        ({"title": "x"}, "field_missing", "arms"),
        (said(title=7), "type", "title"),
        (said(title="  "), "value_range", "title"),
        (said(title="ü" * 101), "value_range", "title"),
        (said(title="a\x1bb"), "string_control", "title"),
        (said(title="a\ud800"), "string_surrogate", "title"),
        (said(arms={}), "type", "arms"),
        (said(arms=[1, 2]), "type", "arms"),
        (said(arms=ARMS[:1]), "ab_arms_invalid", "arms"),
        (said(arms=[ARMS[0], ARMS[0]]), "ab_arms_invalid", "arms"),
        (second(share=0.4), "ab_arms_invalid", "arms"),
        (second(name="B b"), "value_range", "arms[1].name"),
        (second(share="0.5"), "type", "arms[1].share"),
        (second(share=True), "type", "arms[1].share"),
        (second(share=float("nan")), "value_range", "arms[1].share"),
        (second(version=1.5), "value_range", "arms[1].version"),
        (second(version=0), "value_range", "arms[1].version"),
        (second(colour="red"), "field_unknown", "arms[1].colour"),
        (second(settings={"als.factors": 8}), "field_unknown", "arms[1].settings.als.factors"),
        (second(settings={"coldstart.personal_from": 0}), "value_range", "arms[1].settings.coldstart.personal_from"),
        (
            second(settings={"coldstart.personal_from": 3, "coldstart.blended_from": 5}),
            "value_range",
            "arms[1].settings",
        ),
        (said(metric="clicks"), "value_range", "metric"),
        (said(metric=["ctr"]), "value_range", "metric"),
        (said(harm_limit=0), "value_range", "harm_limit"),
        (said(min_users=49), "value_range", "min_users"),
        (said(min_users=float("inf")), "value_range", "min_users"),
        (said(min_users=10**400), "value_range", "min_users"),
        (said(max_days=1e9), "value_range", "max_days"),
        (said(max_days=10**400), "value_range", "max_days"),
        (said(guardrails=[{"metric": "ctr", "harm_limit": 0.1}]), "value_range", "guardrails"),
        (said(guardrails=[{"metric": "watch_seconds"}]), "field_missing", "guardrails[0].harm_limit"),
        (said(guardrails=7), "type", "guardrails"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_with_its_field_and_a_way_out(
    plan: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        plan_of(plan)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert refusal.value.fix
