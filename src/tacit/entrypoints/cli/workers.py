"""Several workers on one port: the process that supervises them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from tacit.entrypoints.cli.answering import Plan
from tacit.entrypoints.cli.ports import METRICS_HOST, check_ports
from tacit.errors import Misconfigured

if TYPE_CHECKING:
    from tacit.bootstrap import SettingsInForce
    from tacit.bootstrap.workers import Supervised

Told = Callable[[Mapping[str, Any], dict[str, str]], None]
"""Told what is served, and where."""


def supervise(in_force: SettingsInForce, plan: Plan, told: Told) -> None:
    """Keep workers alive until told to end.

    Raises:
        Misconfigured: `workers_unsupported`, `port_unavailable`.
        Unavailable: `home_in_use`.
        typer.Exit: The first worker could not begin, and has said why.
    """
    from tacit.bootstrap import serving_lock
    from tacit.bootstrap.monitoring import check_monitoring, watched
    from tacit.bootstrap.tracing import check_tracing
    from tacit.bootstrap.workers import supervised
    from tacit.entrypoints.api.listening import SHUTDOWN_SECONDS, listen_on
    from tacit.entrypoints.api.metrics_listener import MetricsListener
    from tacit.entrypoints.cli.logs import log_to_stderr

    settings = in_force.settings
    _check(in_force)
    with serving_lock(in_force) as lock:
        log_to_stderr("info")
        check_ports(settings)
        check_monitoring(settings)
        check_tracing(settings)
        listener = listen_on(settings.host, settings.port, is_open=False)
        with (
            supervised(
                in_force,
                asdict(plan),
                listener=listener,
                lock=lock,
                request_seconds=SHUTDOWN_SECONDS,
                on_serving=lambda said: told(_facts(in_force, said), {**_addresses(in_force), **watch.addresses}),
            ) as wired,
            watched(in_force, wired.sink, wired.registry, targets=(f"{METRICS_HOST}:{settings.metrics_on}",)) as watch,
            MetricsListener(watch.registry, METRICS_HOST, settings.metrics_on),
        ):
            _heed_signals(wired)
            code = wired.supervisor.run()
    if code:
        raise typer.Exit(code)


def _facts(in_force: SettingsInForce, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: said[name] for name in ("version", "dataset", "steps")},
        "workers": in_force.settings.workers.count,
    }


def _heed_signals(wired: Supervised) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: wired.supervisor.end())
    signal.signal(signal.SIGHUP, lambda *_: wired.supervisor.renew())


def _check(in_force: SettingsInForce) -> None:
    if in_force.settings.serving.role == "reader":
        raise Misconfigured(
            "workers_of_reader",
            "Several workers take events together; readers alone are started one by one.",
            field="workers.count",
            fix="Leave out --reader, or --workers.",
        )
    if not hasattr(socket, "AF_UNIX") or not hasattr(signal, "SIGHUP"):
        raise Misconfigured(
            "workers_unsupported",
            "Several workers cannot share a port on this system.",
            field="workers.count",
            fix="Set workers.count to 1.",
        )


def _addresses(in_force: SettingsInForce) -> dict[str, str]:
    from tacit.entrypoints.api.listening import address_of

    settings = in_force.settings
    address = address_of(settings.host, settings.port)
    metrics = f"http://{METRICS_HOST}:{settings.metrics_on}/metrics"
    return {"pages": f"{address}/", "api": f"{address}/docs", "metrics": metrics, "auth": settings.auth.mode}
