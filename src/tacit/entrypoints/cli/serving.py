"""Commands that serve: `serve` what is champion, and `up`, which first sees to it that there is one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tacit.entrypoints.cli.answering import Berth, Plan, answer_until_told, end_soon
from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.ports import METRICS_HOST, check_ports
from tacit.entrypoints.cli.render import print_json, printable, say
from tacit.errors import Refused

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tacit.bootstrap import App, Serving, SettingsInForce
    from tacit.bootstrap.monitoring import Watched
    from tacit.entrypoints.api.callers import Identified
    from tacit.entrypoints.api.checkpoints import Checkpoint
    from tacit.entrypoints.cli.first_start import Step, Steps
    from tacit.serving.model_pool import LoadedVersion

Port = Annotated[int | None, typer.Option(help="Port of the API and the pages (setting `port`).", show_default=False)]
MetricsPort = Annotated[int | None, typer.Option(help="Port of /metrics (setting `metrics_port`).", show_default=False)]
Reader = Annotated[
    bool, typer.Option("--reader", help="Only answer, beside a process that takes events (setting `serving.role`).")
]
WithoutChampion = Annotated[
    bool, typer.Option("--without-champion", help="Begin before there is one: events and items are taken.")
]
Workers = Annotated[
    int | None,
    typer.Option(help="How many processes answer on the port (setting `workers.count`).", show_default=False),
]
WithMonitoring = Annotated[
    bool,
    typer.Option(
        "--with-monitoring", help="Start Prometheus and Alertmanager beside it (setting `monitoring.servers`)."
    ),
]
Told = Callable[["LoadedVersion | None", dict[str, str]], None]
"""Told what is served, if anything yet, and where, by name; and under `auth`, who may ask."""


def serving_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "up")(up)
    command(app, "serve")(serve)


def up(
    asked: Asked,
    *,
    data: Annotated[Path | None, typer.Option(help="What to import into an empty home (setting `data`).")] = None,
    port: Port = None,
    workers: Workers = None,
    with_monitoring: WithMonitoring = False,
) -> None:
    """Start everything: where nothing is there yet, import, train, gate and promote first; then serve."""
    flags: dict[str, object] = {"data": data, "port": port, "workers.count": workers}
    _run(asked, {**flags, "monitoring.servers": with_monitoring or None}, is_first_start_allowed=True)


def serve(
    asked: Asked,
    *,
    port: Port = None,
    metrics_port: MetricsPort = None,
    workers: Workers = None,
    reader: Reader = False,
    without_champion: WithoutChampion = False,
    with_monitoring: WithMonitoring = False,
) -> None:
    """Serve the champion: API, pages and metrics, until told to stop."""
    flags: dict[str, object] = {
        "port": port,
        "metrics_port": metrics_port,
        "workers.count": workers,
        "serving.role": "reader" if reader else None,
        "monitoring.servers": with_monitoring or None,
    }
    _run(asked, flags, is_first_start_allowed=False, needs_champion=not without_champion)


def _run(asked: Asked, flags: dict[str, object], *, is_first_start_allowed: bool, needs_champion: bool = True) -> None:
    from tacit.bootstrap import serving_lock

    started = time.monotonic()
    in_force = asked.settings(**flags)
    plan = Plan(asked.is_json, is_first_start_allowed, needs_champion)
    if in_force.settings.workers.count > 1:
        from tacit.entrypoints.cli.workers import supervise

        def told(facts: Mapping[str, Any], addresses: dict[str, str]) -> None:
            announce(plan, facts, addresses, seconds=round(time.monotonic() - started, 2))

        supervise(in_force, plan, told)
        return
    # The lock comes first: a second server is to be refused before it has loaded or touched anything.
    with serving_lock(in_force):
        from tacit.bootstrap.monitoring import check_monitoring
        from tacit.bootstrap.tracing import check_tracing
        from tacit.entrypoints.cli.first_start import Steps
        from tacit.entrypoints.cli.logs import log_to_stderr

        log_to_stderr("info", is_waiting=False)
        steps = Steps(say if asked.is_json else _print)
        check_ports(in_force.settings)
        check_monitoring(in_force.settings)
        check_tracing(in_force.settings)
        serve_here(in_force, plan, steps, told=_announcement(plan, steps.done, started))
    end_soon()


def serve_here(in_force: SettingsInForce, plan: Plan, steps: Steps, *, told: Told, berth: Berth | None = None) -> None:
    """Serve in this process until told to end."""
    from tacit.bootstrap import build, serving
    from tacit.entrypoints.cli.first_start import make_ready

    with build(in_force) as app:
        tell_notices(app)
        if plan.is_first_start_allowed and in_force.settings.serving.role != "reader":
            make_ready(app, steps)
        with serving(app) as parts, _callers(app) as callers:
            loaded = _loaded(parts, is_needed=plan.needs_champion)
            api = _application(app, parts, loaded, callers=callers)
            at = berth or Berth()
            with _seen(app, parts, at) as watch:
                answer_until_told(
                    api,
                    app.settings,
                    watch.registry,
                    berth=at,
                    told=lambda addresses: told(loaded, {**addresses, **watch.addresses, "auth": callers.mode()}),
                )


@contextmanager
def _seen(app: App, parts: Serving, berth: Berth) -> Iterator[Watched]:
    """Have somebody watch, or notice that nobody does; of a worker, its supervisor sees to both."""
    from tacit.bootstrap.monitoring import Watched, watched

    if berth.line is not None:
        yield Watched(parts.metrics.registry)
        return
    target = f"{METRICS_HOST}:{app.settings.metrics_on}"
    with watched(app.in_force, parts.metrics, parts.metrics.registry, targets=(target,)) as watch:
        yield watch


@contextmanager
def _callers(app: App) -> Iterator[Identified]:
    """Finds out who asks, by everything that knows somebody."""
    from tacit.bootstrap.accounts import following_revocations
    from tacit.entrypoints.api.callers import identified

    people = app.people
    with (
        following_revocations(people),
        identified(app, more=[people.token_checker], cookies=[people.session_checker]) as callers,
    ):
        yield callers


def _application(app: App, parts: Serving, loaded: LoadedVersion | None, *, callers: Checkpoint) -> FastAPI:
    from tacit import __version__
    from tacit.entrypoints.api.app import create_app
    from tacit.entrypoints.api.gatehouse import checkpoints_of
    from tacit.entrypoints.api.operations import further_routes
    from tacit.entrypoints.console.pages import console, watchers_of
    from tacit.entrypoints.storefront.behind import behind
    from tacit.entrypoints.storefront.pages import storefront
    from tacit.entrypoints.storefront.signing_in import sign_in_pages

    # Who there is, is nobody's to know who was asked for nothing.
    known = () if loaded is None or app.settings.auth.mode != "open" else loaded.model.user_ids
    examples = tuple(known[: app.settings.serving.example_users])
    dataset = partial(_dataset, parts)
    standing = behind(app, parts)
    shop = storefront(parts.service, dataset=dataset, example_users=examples, has_sign_in=True, behind=standing)
    operators = console(app, parts, watchers_of(app))
    api = create_app(
        parts.service,
        parts.pool,
        parts.metrics,
        version=__version__,
        intake=parts.intake,
        items=parts.items,
        users=parts.users,
        quarantine=app.quarantine,
        extra_routers=[
            *further_routes(app, parts),
            shop.router(),
            sign_in_pages(app, parts, dataset),
            *operators.routers,
        ],
        background=operators.background,
        checkpoints=checkpoints_of(app, parts, callers),
        role=parts.role,
        refusal_page=operators.failure_or(shop.failure),
        tracer=parts.tracer,
    )
    parts.memory.shedding(api.shed)
    return api


def _loaded(parts: Serving, *, is_needed: bool) -> LoadedVersion | None:
    """The version to begin with, loaded before anything listens, so that a home that cannot answer says so at once."""
    loaded = parts.pool.refresh()
    if loaded is not None:
        return loaded
    refused = parts.pool.refused
    if refused is None and not is_needed:
        return None
    if refused is None:
        raise Refused(
            "champion_missing",
            "There is no champion to serve.",
            fix="Run `tacit up`, promote a version, or begin with events alone: `tacit serve --without-champion`.",
        )
    raise Refused(
        "champion_refused",
        f"The champion, version {refused.number}, cannot serve, and no earlier one can ({refused.code}): "
        f"{refused.detail}",
        fix="`tacit models verify` says which versions are whole; promote one of them, or train anew.",
    )


def _dataset(parts: Serving) -> str:
    loaded = parts.pool.loaded
    return "" if loaded is None else loaded.manifest.dataset


def _announcement(plan: Plan, steps: Sequence[Step], started: float) -> Told:
    def told(loaded: LoadedVersion | None, addresses: dict[str, str]) -> None:
        label, dataset = (None, None) if loaded is None else (loaded.label, loaded.manifest.dataset)
        facts = {"version": label, "dataset": dataset, "steps": [asdict(step) for step in steps]}
        announce(plan, facts, addresses, seconds=round(time.monotonic() - started, 2))

    return told


def announce(plan: Plan, facts: Mapping[str, Any], addresses: dict[str, str], *, seconds: float) -> None:
    """Say on stdout what is served, and where."""
    label = facts["version"]
    if plan.is_json:
        print_json({"version": label, "dataset": facts["dataset"], **addresses, **facts, "seconds": seconds})
        return
    what = "No version yet" if label is None else f"Serving {label}, learnt from {facts['dataset']}"
    _print(f"{what}, after {seconds:.1f} s:")
    shown = [name for name in ("pages", "api", "metrics", "prometheus", "alertmanager") if name in addresses]
    width = max(8, *map(len, shown))
    for name in shown:
        _print(f"  {name:<{width}} {addresses[name]}")
    if "workers" in facts:
        _print(f"  {'workers':<{width}} {facts['workers']}")
    if addresses.get("auth") == "open":
        _print("Whoever reaches these addresses may do everything: auth.mode is open (tacit keys create).")
    if label is None:
        _print("Events and items are taken; questions are answered once a version was trained and promoted.")
    _print("Ctrl-C ends it.")


def _print(text: str) -> None:
    typer.echo(printable(text))
