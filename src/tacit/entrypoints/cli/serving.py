"""Commands that serve: `serve` what is champion, and `up`, which first sees to it that there is one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tacit.entrypoints.cli.notices import tell_notices
from tacit.entrypoints.cli.options import Asked, command
from tacit.entrypoints.cli.ports import METRICS_HOST, ports_of
from tacit.entrypoints.cli.render import print_json, printable, say
from tacit.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from tacit.bootstrap import App, Serving, Settings
    from tacit.entrypoints.api.checkpoints import Checkpoint
    from tacit.entrypoints.api.server import ApiServer
    from tacit.entrypoints.cli.first_start import Step
    from tacit.serving.model_pool import LoadedVersion

Port = Annotated[int | None, typer.Option(help="Port of the API and the pages (setting `port`).", show_default=False)]
MetricsPort = Annotated[int | None, typer.Option(help="Port of /metrics (setting `metrics_port`).", show_default=False)]
Reader = Annotated[
    bool, typer.Option("--reader", help="Only answer, beside a process that takes events (setting `serving.role`).")
]
WithoutChampion = Annotated[
    bool, typer.Option("--without-champion", help="Begin before there is one: events and items are taken.")
]
Told = Callable[["LoadedVersion | None", dict[str, str]], None]
"""Told what is served, if anything yet, and where, by name."""


def serving_commands(app: typer.Typer) -> None:
    """Add them to the program."""
    command(app, "up")(up)
    command(app, "serve")(serve)


def up(
    asked: Asked,
    *,
    data: Annotated[Path | None, typer.Option(help="What to import into an empty home (setting `data`).")] = None,
    port: Port = None,
) -> None:
    """Start everything: where nothing is there yet, import, train, gate and promote first; then serve."""
    _run(asked, {"data": data, "port": port}, is_first_start_allowed=True)


def serve(
    asked: Asked,
    *,
    port: Port = None,
    metrics_port: MetricsPort = None,
    reader: Reader = False,
    without_champion: WithoutChampion = False,
) -> None:
    """Serve the champion: API, pages and metrics, until told to stop."""
    flags: dict[str, object] = {
        "port": port,
        "metrics_port": metrics_port,
        "serving.role": "reader" if reader else None,
    }
    _run(asked, flags, is_first_start_allowed=False, needs_champion=not without_champion)


def _run(asked: Asked, flags: dict[str, object], *, is_first_start_allowed: bool, needs_champion: bool = True) -> None:
    from tacit.bootstrap import build, serving, serving_lock
    from tacit.bootstrap.accounts import following_revocations

    started = time.monotonic()
    in_force = asked.settings(**flags)
    # The lock comes first: a second server is to be refused before it has loaded or touched anything.
    with serving_lock(in_force):
        from tacit.entrypoints.api.callers import identified
        from tacit.entrypoints.cli.first_start import Steps, make_ready
        from tacit.entrypoints.cli.logs import log_to_stderr

        log_to_stderr("info")
        steps = Steps(say if asked.is_json else _print)
        _check_ports(in_force.settings)
        with build(in_force) as app:
            tell_notices(app)
            if is_first_start_allowed and in_force.settings.serving.role != "reader":
                make_ready(app, steps)
            with (
                serving(app) as parts,
                following_revocations(app.people),
                identified(app, more=[app.people.token_checker], cookies=[app.people.session_checker]) as callers,
            ):
                loaded = _loaded(parts, is_needed=needs_champion)
                told = _announcement(asked, steps.done, started, mode=callers.mode())
                _serve_until_told(app, parts, loaded, callers=callers, told=told)


def _serve_until_told(
    app: App, parts: Serving, loaded: LoadedVersion | None, *, callers: Checkpoint, told: Told
) -> None:
    from tacit import __version__
    from tacit.entrypoints.api.app import create_app
    from tacit.entrypoints.api.gatehouse import checkpoints_of
    from tacit.entrypoints.api.metrics_listener import MetricsListener
    from tacit.entrypoints.api.operations import further_routes
    from tacit.entrypoints.api.server import ApiServer
    from tacit.entrypoints.storefront.pages import storefront_router
    from tacit.entrypoints.storefront.signing_in import sign_in_pages

    # Who there is, is nobody's to know who was asked for nothing.
    known = () if loaded is None or app.settings.auth.mode != "open" else loaded.model.user_ids
    examples = tuple(known[: app.settings.serving.example_users])
    pages = storefront_router(parts.service, dataset=lambda: _dataset(parts), example_users=examples)
    api = create_app(
        parts.service,
        parts.pool,
        parts.metrics,
        version=__version__,
        intake=parts.intake,
        items=parts.items,
        users=parts.users,
        quarantine=app.quarantine,
        extra_routers=[*further_routes(app, parts), pages, sign_in_pages(app, parts, lambda: _dataset(parts))],
        checkpoints=checkpoints_of(app, parts, callers),
        role=parts.role,
    )
    server = ApiServer(api, host=app.settings.host, port=app.settings.port)
    with MetricsListener(parts.metrics.registry, METRICS_HOST, app.settings.metrics_on) as listener:
        _end_cleanly(server)
        metrics = f"http://{METRICS_HOST}:{listener.port}/metrics"
        told(loaded, {"pages": f"{server.address}/", "api": f"{server.address}/docs", "metrics": metrics})
        server.run()


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


def _end_cleanly(server: ApiServer) -> None:
    """Let SIGINT and SIGTERM end the server, and the process with it, as something that went well.

    The server handles both itself and, when it has ended, raises them once more for whoever was there before it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())


def _announcement(asked: Asked, steps: Sequence[Step], started: float, *, mode: str) -> Told:
    def told(loaded: LoadedVersion | None, addresses: dict[str, str]) -> None:
        seconds = round(time.monotonic() - started, 2)
        label, dataset = (None, None) if loaded is None else (loaded.label, loaded.manifest.dataset)
        if asked.is_json:
            facts = {"version": label, "dataset": dataset, "auth": mode, **addresses}
            print_json({**facts, "steps": [asdict(step) for step in steps], "seconds": seconds})
            return
        what = "No version yet" if label is None else f"Serving {label}, learnt from {dataset}"
        _print(f"{what}, after {seconds:.1f} s:")
        for name, address in addresses.items():
            _print(f"  {name:<8} {address}")
        if mode == "open":
            _print("Whoever reaches these addresses may do everything: auth.mode is open (tacit keys create).")
        if label is None:
            _print("Events and items are taken; questions are answered once a version was trained and promoted.")
        _print("Ctrl-C ends it.")

    return told


def _check_ports(settings: Settings) -> None:
    """Find out that a port is taken before an hour of training, not after."""
    for port in ports_of(settings):
        problem = port.problem()
        if problem is not None:
            detail = f"Cannot listen on {port}: {problem}."
            raise Misconfigured("port_unavailable", detail, field=port.setting, fix=port.fix)


def _print(text: str) -> None:
    typer.echo(printable(text))
