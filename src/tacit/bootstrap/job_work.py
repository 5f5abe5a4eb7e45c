"""What the jobs of each kind do, in their own process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from tacit.errors import Refused
from tacit.settings import Settings, SettingsInForce, load_settings

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.data.interfaces import Progress
    from tacit.jobs.job import Order

_OF_THE_MODEL = ("factors", "iterations", "alpha", "regularization", "seed")
"""Parameters that are settings of `als` for one training."""


def run_job() -> int:
    """Do the job that stands on stdin; returns the process's exit code."""
    from tacit.adapters.job_child import work

    return work(perform)


def perform(order: Order, progress: Progress) -> Mapping[str, object]:
    """Do what an order asks with the settings of this process, and say what it brought.

    Raises:
        TacitError: What the operation says.
    """
    from tacit.bootstrap.wiring import build

    with build(settings_for(order)) as app:
        if order.kind == "evaluate":
            return _evaluated(app, order, progress)
        if order.kind == "search":
            return _searched(app, order, progress)
        if order.kind == "precompute":
            return _precomputed(app, order, progress)
        if order.kind == "drift":
            return _looked(app, progress)
        return _trained(app, order, progress)


def settings_for(order: Order) -> SettingsInForce:
    """The settings of this process, with what an order says of the model."""
    given = order.parameters
    flags = {f"als.{name}": given[name] for name in _OF_THE_MODEL if name in given}
    if "iterations" in given:
        flags["als.warm_iterations"] = given["iterations"]  # whoever says how many means them warm or cold
    return load_settings(flags=flags)


def policy_of(order: Order, settings: Settings) -> str | None:
    """What the gate asks of what an order trains; `None` for what the settings say.

    What nobody asked for keeps the champion's kind and learns from newer data; it need not be better, only as good,
    unless an operator chose a policy.
    """
    return "refresh" if order.why != "person" and settings.gate.policy == "auto" else None


def _trained(app: App, order: Order, progress: Progress) -> Mapping[str, object]:
    dataset, start = _dataset(order), _start(app, order.parameters.get("warm_start"))
    policy = policy_of(order, app.settings)
    try:
        candidate = app.train(dataset, actor=order.actor, warm_start=start, policy=policy, progress=progress)
    except Refused as problem:
        # A champion of other items, or one that cannot be trusted, is no reason not to train: then it begins from
        # nothing.  What else was refused, if so, is refused again.
        if order.parameters.get("warm_start") != "champion" or start is None:
            raise
        progress(f"beginning anew: {problem.code}", 0.0)
        start = None
        candidate = app.train(dataset, actor=order.actor, policy=policy, progress=progress)
    return {**candidate.as_dict(), "warm_start": start}


def _start(app: App, said: object) -> int | None:
    """The version to go on from; with `champion`, the one there is, if any."""
    if said == "champion":
        from tacit.bootstrap.app import MODEL

        champion = app.registry.champion(MODEL)
        return None if champion is None else champion.number
    return cast("int | None", said)


def _searched(app: App, order: Order, progress: Progress) -> Mapping[str, object]:
    from tacit.models.recommender.search import Budget

    given: Mapping[str, Any] = order.parameters
    budget = Budget(given.get("trials", 28), given.get("minutes", app.settings.retraining.search_minutes))
    return app.search(_dataset(order), budget=budget, progress=progress).as_dict()


def _precomputed(app: App, order: Order, progress: Progress) -> Mapping[str, object]:
    from tacit.bootstrap.precomputing import precompute

    given: Mapping[str, Any] = order.parameters
    return precompute(app, number=given.get("version"), count=given.get("count"), progress=progress)


def _looked(app: App, progress: Progress) -> Mapping[str, object]:
    from tacit.bootstrap.drift import look_for_drift

    report = look_for_drift(app, progress)
    moved = [each.name for each in report.features if each.state in ("warn", "retrain")]
    return {
        "overall": report.overall,
        "state": report.state,
        "moved": moved,
        "retraining": report.retraining,
        "job_id": report.job_id,
    }


def _evaluated(app: App, order: Order, progress: Progress) -> Mapping[str, object]:
    from tacit.bootstrap.app import MODEL

    number = cast("int", order.parameters["version"])
    scored, baselines = app.evaluate(number, _dataset(order), progress=progress)
    return {
        "version": f"{MODEL}/{number}",
        "metrics": dict(scored.metrics),
        "intervals": {name: list(each) for name, each in scored.intervals.items()},
        "segments": {name: dict(each) for name, each in scored.segments.items()},
        "baselines": {name: dict(each.metrics) for name, each in baselines.items()},
        "seconds": round(scored.seconds, 3),
    }


def _dataset(order: Order) -> str | None:
    return cast("str | None", order.parameters.get("dataset"))
