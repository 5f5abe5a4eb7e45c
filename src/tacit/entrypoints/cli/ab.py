"""Commands on A/B tests, and on what came of the lists that were shown."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.people import actor
from tacit.entrypoints.cli.render import facts, show, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tacit.rollout.ab import AbTest
    from tacit.rollout.ab_report import AbReport, Effect
    from tacit.rollout.outcome_questions import Answer
    from tacit.rollout.outcomes import Outcomes
    from tacit.rollout.traffic import Arm

Number = Annotated[int, typer.Argument(metavar="TEST", help="Number of the test.", min=1)]

_OUTCOMES = ("lists", "clicked", "CTR", "clicks", "watch time", "users")


def ab_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    ab = typer.Typer(help="Compare versions or settings on users who are divided among them.", no_args_is_help=True)
    command(ab, "create")(create_test)
    command(ab, "start")(start_test)
    command(ab, "stop")(stop_test)
    command(ab, "list")(list_tests)
    command(ab, "report")(report_test)
    app.add_typer(ab, name="ab")
    command(app, "outcomes")(show_outcomes)


def create_test(
    asked: Asked,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is about.")],
    *,
    arm: Annotated[
        list[str],
        typer.Option(metavar="NAME=SHARE[,version=N][,SETTING=N]", help="An arm; the first is the control."),
    ],
    metric: Annotated[str, typer.Option(help="What decides: ctr, clicked_lists or watch_seconds.")] = "ctr",
    harm_limit: Annotated[float, typer.Option(help="Certainty of more harm than this share ends the test.")] = 0.05,
    guardrail: Annotated[
        list[str] | None, typer.Option(metavar="METRIC=LIMIT", help="What else may not be harmed by more.")
    ] = None,
    expected_effect: Annotated[float, typer.Option(help="Size of the effects hoped for, as a share.")] = 0.1,
    min_users: Annotated[int, typer.Option(help="Users of an arm before anything is said of it.")] = 200,
    max_days: Annotated[float, typer.Option(help="Days after which it is finished.")] = 28.0,
    history_days: Annotated[float, typer.Option(help="Days of users' history that sharpen the intervals.")] = 28.0,
) -> None:
    """Write down an A/B test; nobody is divided before it is started."""
    said = {
        "title": title,
        "arms": [_arm(text) for text in arm],
        "metric": metric,
        "harm_limit": harm_limit,
        "guardrails": [_guardrail(text) for text in guardrail or ()],
        "expected_effect": expected_effect,
        "min_users": min_users,
        "max_days": max_days,
        "history_days": history_days,
    }
    with asked.opened() as app:
        test = app.ab.create(said, actor=actor())
    _show_test(asked, test, f"Next: tacit ab start {test.number}")


def start_test(asked: Asked, number: Number) -> None:
    """Divide users from now on; running servers follow within a second or two."""
    with asked.opened() as app:
        test = app.ab.start(number, actor=actor())
    _show_test(asked, test, f"Users are divided now. See: tacit ab report {number}")


def stop_test(
    asked: Asked, number: Number, *, reason: Annotated[str, typer.Option(help="Why, for the audit trail.")]
) -> None:
    """Divide users no longer; what was counted stays."""
    with asked.opened() as app:
        test = app.ab.stop(number, reason=reason, actor=actor())
    _show_test(asked, test, "The champion answers everybody again.")


def list_tests(asked: Asked) -> None:
    """List A/B tests, newest first."""
    from tacit.rollout.ab_report import test_as_dict

    with asked.opened() as app:
        tests = app.ab.tests()
    show({"tests": [test_as_dict(test) for test in tests]}, lambda: _listed(tests), is_json=asked.is_json)


def report_test(asked: Asked, number: Number) -> None:
    """Show what is known of a test: each arm beside the control, in intervals that hold however often one looks."""
    with asked.opened() as app:
        found = app.ab.report(number)
    show(found.as_dict(), lambda: _reported(found), is_json=asked.is_json)


def show_outcomes(
    asked: Asked,
    *,
    by: Annotated[str, typer.Option(help="By what lists are counted: source, version or arm.")] = "source",
    since: Annotated[str, typer.Option(help="Lists shown since: 24h, 7d, or an ISO 8601 time with zone.")] = "24h",
    split: Annotated[
        str | None, typer.Option(help="With --by arm, whose arms; else those in force.", show_default=False)
    ] = None,
) -> None:
    """Show what came of the lists that were shown: how many were clicked, and how long was watched."""
    from tacit.rollout.outcome_questions import moment_of

    moment = moment_of(since, now_ms=int(time.time() * 1_000))
    with asked.opened() as app:
        answer = app.outcome_desk.ask(by, since_ms=moment, split_id=split)
    show(answer.as_dict(), lambda: _answered(answer), is_json=asked.is_json)


def _arm(text: str) -> dict[str, Any]:
    """An arm as `NAME=SHARE[,version=N][,SETTING=N]` says it; what is wrong with the values, the rules say."""
    first, *others = text.split(",")
    name, separator, share = first.partition("=")
    if not separator:
        raise typer.BadParameter("write NAME=SHARE, for example control=0.5", param_hint="--arm")
    pairs = [other.partition("=") for other in others]
    if not all(separator for _, separator, _ in pairs):
        raise typer.BadParameter("write version=N or SETTING=N behind the share", param_hint="--arm")
    chosen = {key.strip(): _read(value) for key, _, value in pairs}
    arm: dict[str, Any] = {"name": name.strip(), "share": _read(share), "version": chosen.pop("version", None)}
    return {**arm, "settings": chosen}


def _guardrail(text: str) -> dict[str, Any]:
    metric, separator, limit = text.partition("=")
    if not separator:
        raise typer.BadParameter("write METRIC=LIMIT, for example watch_seconds=0.1", param_hint="--guardrail")
    return {"metric": metric.strip(), "harm_limit": _read(limit)}


def _read(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _show_test(asked: Asked, test: AbTest, told: str) -> None:
    from tacit.rollout.ab_report import test_as_dict

    show(test_as_dict(test), lambda: [facts(_of_a_test(test)), told], is_json=asked.is_json)


def _of_a_test(test: AbTest) -> Mapping[str, object]:
    arms = "; ".join(_told_arm(arm) for arm in test.plan.arms)
    plan = test.plan
    told = {"test": test.number, "title": plan.title, "state": test.state, "arms": arms, "metric": plan.metric}
    return {**told, "reason": test.reason} if test.reason else told


def _told_arm(arm: Arm) -> str:
    what = "champion" if arm.version is None else f"version {arm.version}"
    others = "".join(f", {key} {value:g}" for key, value in arm.settings.items())
    return f"{arm.name} {arm.share:.0%} ({what}{others})"


def _listed(tests: Sequence[AbTest]) -> Iterable[RenderableType]:
    if not tests:
        return ["There are no A/B tests."]
    rows = [
        (test.number, test.state, test.plan.title, ", ".join(arm.name for arm in test.plan.arms), test.reason)
        for test in tests
    ]
    return [table(("test", "state", "title", "arms", "reason"), rows, numbers=("test",))]


def _reported(found: AbReport) -> Iterator[RenderableType]:
    yield facts(_of_a_test(found.test))
    yield table(("arm", *_OUTCOMES), _cells(found.outcomes), numbers=_OUTCOMES)
    columns = ("arm", "metric", "effect", "from", "to", "history explains", "finding")
    yield table(columns, [_effect(each) for each in found.effects], numbers=columns[2:6])
    yield f"Shares: p = {found.mismatch:.2g} that users are divided as planned."
    yield found.verdict
    if found.winner is not None:
        yield f"Nobody is promoted by this; if {found.winner} shall answer everybody: tacit promote, or its settings."


def _effect(effect: Effect) -> tuple[object, ...]:
    metric = f"{effect.metric} (guardrail)" if effect.is_guardrail else effect.metric
    ends = (_share(each) for each in (effect.relative, effect.relative_low, effect.relative_high))
    explained = None if math.isnan(effect.reduction) else f"{effect.reduction:.0%}"
    return effect.arm, metric, *ends, explained, effect.finding.replace("_", " ")


def _share(value: float) -> str | None:
    return None if math.isnan(value) else f"{value:+.1%}"


def _answered(answer: Answer) -> Iterator[RenderableType]:
    if not answer.outcomes and not answer.anonymous:
        yield "No lists were shown since then."
    if answer.outcomes:
        yield table((answer.by, *_OUTCOMES), _cells(answer.outcomes), numbers=_OUTCOMES)
    if answer.anonymous:
        yield "Shown to nobody known:"
        yield table(("source", *_OUTCOMES), _cells(answer.anonymous), numbers=_OUTCOMES)


def _cells(outcomes: Mapping[str, Outcomes]) -> Iterator[tuple[object, ...]]:
    for key, each in outcomes.items():
        ctr = None if not each.lists else f"{each.ctr:.2%}"
        watched = f"{each.watch_seconds:,.0f} s"
        yield key, f"{each.lists:,}", f"{each.clicked:,}", ctr, f"{each.clicks:,}", watched, f"{each.users:,}"
