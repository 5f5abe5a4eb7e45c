"""Plans of A/B tests as plain values, read strictly and written back (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from tacit.data.texts import text_problem
from tacit.data.validation import escaped
from tacit.errors import BadInput
from tacit.rollout.ab import AB_METRICS, AbMetric, AbPlan, Guardrail
from tacit.rollout.traffic import Arm

ARM_SETTINGS = ("coldstart.blended_from", "coldstart.personal_from")
"""Settings that may be other for an arm; each a whole number of interactions."""

FIELDS = (
    "title", "arms", "metric", "harm_limit", "guardrails", "expected_effect", "min_users", "max_days", "history_days"
)  # fmt: skip
_ARM_FIELDS = ("name", "share", "version", "settings")
_GUARDRAIL_FIELDS = ("metric", "harm_limit")
_ARM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MAX_ARMS = 8
MAX_TITLE_BYTES = 200
_MOST_INTERACTIONS = 10_000


def plan_of(said: Mapping[str, object]) -> AbPlan:
    """The plan that some plain values say.

    Raises:
        BadInput: `field_unknown`, `field_missing`, `type`, `value_range`, `ab_arms_invalid`, `string_control`, …, with
            the field.
    """
    _check_fields(said, FIELDS, needed=("title", "arms"))
    metric = _metric(said.get("metric", "ctr"), "metric")
    return AbPlan(
        title=_title(said["title"]),
        arms=_arms(said["arms"]),
        metric=metric,
        harm_limit=_number(said.get("harm_limit", 0.05), "harm_limit", low=0.001, high=1.0),
        guardrails=_guardrails(said.get("guardrails", []), metric),
        expected_effect=_number(said.get("expected_effect", 0.1), "expected_effect", low=0.001, high=10.0),
        min_users=_whole(said.get("min_users", 200), "min_users", low=50, high=10**9),
        max_days=_number(said.get("max_days", 28.0), "max_days", low=0.001, high=365.0),
        history_days=_number(said.get("history_days", 28.0), "history_days", low=0.0, high=365.0),
    )


def plan_as_dict(plan: AbPlan) -> dict[str, Any]:
    """The same as plain values; `plan_of` reads them."""
    return {
        "title": plan.title,
        "arms": [
            {"name": arm.name, "share": arm.share, "version": arm.version, "settings": dict(arm.settings)}
            for arm in plan.arms
        ],
        "metric": plan.metric,
        "harm_limit": plan.harm_limit,
        "guardrails": [{"metric": each.metric, "harm_limit": each.harm_limit} for each in plan.guardrails],
        "expected_effect": plan.expected_effect,
        "min_users": plan.min_users,
        "max_days": plan.max_days,
        "history_days": plan.history_days,
    }


def _title(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type("title", value, "a text")
    size = len(value.encode("utf-8", "surrogatepass"))
    if not value.strip() or size > MAX_TITLE_BYTES:
        detail = f"title has {size} bytes; from 1 to {MAX_TITLE_BYTES} are wanted, not all of them spaces."
        raise BadInput("value_range", detail, field="title", fix="Say in a few words what is compared.")
    if problem := text_problem(value):
        detail = "title holds a character that is none, or cannot be seen."
        raise BadInput(problem, detail, field="title", fix="Type it anew.")
    return value.strip()


def _arms(value: object) -> tuple[Arm, ...]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _wrong_type("arms", value, "an array of objects")
    arms = tuple(_arm(each, f"arms[{place}]") for place, each in enumerate(value))
    if not 2 <= len(arms) <= MAX_ARMS:
        raise _arms_invalid(f"There are {len(arms)} arms; from 2 to {MAX_ARMS} can be compared.")
    names = [arm.name for arm in arms]
    if len(set(names)) != len(names):
        raise _arms_invalid("Two arms have the same name.")
    total = math.fsum(arm.share for arm in arms)
    if not math.isclose(total, 1.0, abs_tol=1e-9):
        raise _arms_invalid(f"The shares of the arms sum to {total:.6g}, not to 1.")
    return arms


def _arm(said: Mapping[str, object], field: str) -> Arm:
    _check_fields(said, _ARM_FIELDS, needed=("name", "share"), within=field)
    name, version = said["name"], said.get("version")
    if not isinstance(name, str) or not _ARM_NAME.fullmatch(name):
        detail = f"{field}.name must be 1 to 32 small letters, digits, `-` and `_`, and not begin with the latter two."
        raise BadInput("value_range", detail, field=f"{field}.name", fix="Call it something like `control` or `b`.")
    share = _number(said["share"], f"{field}.share", low=0.001, high=0.999)
    number = None if version is None else _whole(version, f"{field}.version", low=1, high=2**31 - 1)
    return Arm(name, share, number, _settings(said.get("settings") or {}, f"{field}.settings"))


def _settings(value: object, field: str) -> Mapping[str, float]:
    if not isinstance(value, dict):
        raise _wrong_type(field, value, "an object")
    for name in value:
        if name not in ARM_SETTINGS:
            raise _unknown(str(name), ARM_SETTINGS, field)
    settings = {
        name: float(_whole(each, f"{field}.{name}", low=1, high=_MOST_INTERACTIONS)) for name, each in value.items()
    }
    least, own = (settings.get(name) for name in ARM_SETTINGS)
    if least is not None and own is not None and own < least:
        detail = f"{field} has personal_from below blended_from."
        raise BadInput("value_range", detail, field=field, fix="Set personal_from to no less.")
    return settings


def _guardrails(value: object, metric: AbMetric) -> tuple[Guardrail, ...]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _wrong_type("guardrails", value, "an array of objects")
    guardrails = []
    for place, each in enumerate(value):
        field = f"guardrails[{place}]"
        _check_fields(each, _GUARDRAIL_FIELDS, needed=_GUARDRAIL_FIELDS, within=field)
        limit = _number(each["harm_limit"], f"{field}.harm_limit", low=0.001, high=1.0)
        guardrails.append(Guardrail(_metric(each["metric"], f"{field}.metric"), limit))
    watched = [metric, *(each.metric for each in guardrails)]
    if len(set(watched)) != len(watched):
        detail = "A guardrail watches the metric that decides, or what another one watches."
        raise BadInput("value_range", detail, field="guardrails", fix="Name each metric once.")
    return tuple(guardrails)


def _metric(value: object, field: str) -> AbMetric:
    for metric in AB_METRICS:
        if value == metric:
            return metric
    shown = f"'{escaped(value)}'" if isinstance(value, str) else "no text"
    detail = f"{field} is {shown}, which is no metric."
    raise BadInput("value_range", detail, field=field, fix=f"The metrics are: {', '.join(AB_METRICS)}.")


def _number(value: object, field: str, *, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type(field, value, "a number")
    if not low <= value <= high:
        raise _out_of_range(field, low, high)
    return float(value)


def _whole(value: object, field: str, *, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type(field, value, "a whole number")
    if not low <= value <= high or int(value) != value:
        raise _out_of_range(field, low, high, kind="a whole number")
    return int(value)


def _check_fields(
    said: Mapping[str, object], known: tuple[str, ...], *, needed: tuple[str, ...], within: str = ""
) -> None:
    at: Callable[[str], str] = lambda name: f"{within}.{name}" if within else name  # noqa: E731
    for name in said:
        if name not in known:
            raise _unknown(str(name), known, within)
    for name in needed:
        if said.get(name) is None:
            raise BadInput("field_missing", f"{at(name)} is missing.", field=at(name), fix="Send it.")


def _unknown(name: str, known: tuple[str, ...], within: str) -> BadInput:
    near = get_close_matches(name[:64], known, n=1)
    where = f"{within}.{escaped(name)}" if within else escaped(name)
    fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return BadInput("field_unknown", f"'{escaped(name)}' is not a field here.", field=where, fix=fix)


def _wrong_type(field: str, value: object, wanted: str) -> BadInput:
    kinds = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "an array"}
    found = "null" if value is None else kinds.get(type(value), "an object")
    return BadInput("type", f"{field} is {found}; it must be {wanted}.", field=field, fix=f"Send {wanted}.")


def _out_of_range(field: str, low: float, high: float, *, kind: str = "a number") -> BadInput:
    detail = f"{field} must be {kind} from {low:g} to {high:g}."
    return BadInput("value_range", detail, field=field, fix="Choose one within.")


def _arms_invalid(detail: str) -> BadInput:
    fix = "Name two or more arms, each with a name, and shares that sum to 1; the first is the control."
    return BadInput("ab_arms_invalid", detail, field="arms", fix=fix)
