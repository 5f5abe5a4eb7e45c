"""Being watched, wired: the servers that watch, what notices that nobody does, and where alerts are asked about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.alerting import monitoring_files, rules_of
from tacit.bootstrap.repeating import repeated
from tacit.errors import Misconfigured, Unavailable
from tacit.monitoring import watch_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.audit import AuditRecorder
from tacit.settings import Settings, SettingsInForce

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from tacit.adapters.alertmanager import HttpAlertmanager
    from tacit.adapters.watch_file import WatchFile
    from tacit.bootstrap.app import App
    from tacit.monitoring.alert_desk import AlertDesk, Alertmanager
    from tacit.monitoring.notices import Notices
    from tacit.monitoring.watch import Trouble, Watch, WatchState

TURN_SECONDS = 1.0
NOTE_SECONDS = 5.0
"""How old a note may be that nothing changed since."""


@dataclass(frozen=True)
class Watched:
    """How this process is watched, for as long as it serves.

    Attributes:
        registry: What is exported; who reads it is heard.
        addresses: Where the servers that watch answer, by name.
        state: How things stand now.
    """

    registry: CollectorRegistry
    addresses: Mapping[str, str] = field(default_factory=dict)
    state: Callable[[], WatchState | None] = lambda: None


def check_monitoring(settings: Settings) -> None:
    """Find out before an hour of training that what is to watch cannot be started, not after.

    Raises:
        Misconfigured: `monitoring_missing`, `port_unavailable`, `extra_missing`, `setting_invalid`.
    """
    _notices(settings)
    if not settings.monitoring.servers or settings.serving.role == "reader":
        return
    from tacit.adapters.monitoring_servers import chosen_ports, found_programs

    found_programs()
    chosen_ports(_folder(settings), settings.monitoring.prometheus_port, settings.monitoring.alertmanager_port)


@contextmanager
def watched(
    in_force: SettingsInForce, sink: MetricSink, registry: CollectorRegistry, *, targets: tuple[str, ...]
) -> Iterator[Watched]:
    """Start the servers that watch, if they are asked for, and notice from now on when nobody does.

    Args:
        in_force: What was chosen; a reader is watched with the process that takes events, and notices nothing itself.
        sink: Where that is measured.
        registry: What `/metrics` exports.
        targets: Where it is read, as `host:port`.

    Raises:
        Misconfigured: What `check_monitoring` says.
        Unavailable: `monitoring_unstarted`.
    """
    settings = in_force.settings
    if settings.serving.role == "reader":
        yield Watched(registry)
        return
    from tacit.adapters.heard_registry import HeardRegistry
    from tacit.adapters.watch_file import WatchFile

    file = WatchFile(_folder(settings))
    with ExitStack() as stack:
        addresses = stack.enter_context(_servers(in_force, targets)) if settings.monitoring.servers else {}
        shown = {**_given(settings), **addresses}
        watch = _watch(settings, shown.get("alertmanager"))
        turn = _Turn(watch, sink, file, addresses=addresses, alertmanager=_asked(shown.get("alertmanager")))
        stack.callback(file.remove)
        stack.enter_context(repeated(turn.take, name="watch", every_seconds=TURN_SECONDS))
        stack.enter_context(_telling(settings, watch, sink))

        def heard() -> None:
            watch.scraped()
            sink.increment(catalogue.SCRAPES)

        yield Watched(HeardRegistry(registry, heard), shown, watch.look)


def alert_desk(app: App) -> AlertDesk:
    """Where somebody asks what is wrong now; in any process of an installation."""
    from tacit.adapters.watch_file import WatchFile
    from tacit.monitoring.alert_desk import AlertDesk

    file, given = WatchFile(_folder(app.settings)), _given(app.settings)

    def address(name: str) -> str | None:
        return file.addresses().get(name) or given.get(name)

    def alertmanager() -> Alertmanager | None:
        return _asked(address("alertmanager"))

    rules = rules_of(app.settings)
    return AlertDesk(alertmanager, lambda: address("prometheus"), file.state, rules, AuditRecorder(app.audit))


class _Turn:
    """One look at how this process is watched, told to whoever should know."""

    def __init__(
        self,
        watch: Watch,
        sink: MetricSink,
        file: WatchFile,
        *,
        addresses: Mapping[str, str],
        alertmanager: HttpAlertmanager | None,
    ) -> None:
        self._watch, self._sink, self._file = watch, sink, file
        self._addresses, self._alertmanager = addresses, alertmanager
        self._standing: frozenset[str] = frozenset()
        self._noted_at = -NOTE_SECONDS

    def take(self) -> None:
        """Look, measure, note, and tell the log of what began or ended."""
        if self._alertmanager is not None:
            try:
                self._watch.answered(has_heartbeat=self._alertmanager.has_heartbeat())
            except Unavailable:
                self._watch.unanswered()
        state = self._watch.look()
        standing = {each.name: each for each in state.troubles}
        for name in catalogue.TROUBLES:
            self._sink.set(catalogue.WATCH_TROUBLE, float(name in standing), trouble=name)
        now = time.monotonic()
        if standing.keys() != self._standing or now - self._noted_at >= NOTE_SECONDS:
            self._file.write(state, self._addresses)
            self._noted_at = now
        self._tell(standing)

    def _tell(self, standing: Mapping[str, Trouble]) -> None:
        import structlog

        log = structlog.get_logger(__name__)
        for name in standing.keys() - self._standing:
            log.error("watch_troubled", trouble=name, detail=standing[name].detail)
        for name in self._standing - standing.keys():
            log.info("watch_restored", trouble=name)
        self._standing = frozenset(standing)


@contextmanager
def _servers(in_force: SettingsInForce, targets: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Both servers, ready, until the end; yields where they answer."""
    from tacit.adapters.kept_server import KeptServers
    from tacit.adapters.monitoring_servers import (
        HOST,
        Retention,
        alertmanager_plan,
        chosen_ports,
        found_programs,
        prometheus_plan,
        write_files,
    )

    settings = in_force.settings
    chosen, folder = settings.monitoring, _folder(settings)
    programs, kept = found_programs(), Retention(chosen.keep_days, chosen.keep_mib)
    ports = chosen_ports(folder, chosen.prometheus_port, chosen.alertmanager_port)
    alertmanager = alertmanager_plan(programs.alertmanager, folder, ports.alertmanager, kept=kept)
    prometheus = prometheus_plan(programs.prometheus, folder, ports.prometheus, kept=kept)
    told, itself = (f"{HOST}:{port}" for port in (ports.alertmanager, ports.prometheus))
    write_files(
        folder, monitoring_files(settings, targets, alertmanager=told, prometheus=itself, origins=in_force.origins)
    )
    with KeptServers((alertmanager, prometheus)):
        yield {"prometheus": prometheus.address, "alertmanager": alertmanager.address}


@contextmanager
def _telling(settings: Settings, watch: Watch, sink: MetricSink) -> Iterator[None]:
    """Tell people, where any are named, in a thread of its own: whoever tells them may be slow."""
    notices = _notices(settings)
    if notices is None:
        yield
        return

    def tell() -> None:
        for is_taken in notices.tell(watch.look().troubles, time.monotonic()):
            sink.increment(catalogue.WATCH_NOTICES, outcome="sent" if is_taken else "failed")

    with repeated(tell, name="watch-notices", every_seconds=TURN_SECONDS):
        yield


def _notices(settings: Settings) -> Notices | None:
    addresses = settings.monitoring.notify
    if addresses is None:
        return None
    from tacit.monitoring.notices import Notices

    try:
        from tacit.adapters.apprise_notices import AppriseNotifier
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            "extra_missing",
            "monitoring.notify is set, but Apprise is not installed.",
            field="monitoring.notify",
            fix="Install the extra: tacit[notify].",
        ) from missing
    name = f"tacit at {settings.host}:{settings.port}"
    again = settings.monitoring.notify_again_hours * 3_600
    return Notices(AppriseNotifier(addresses.get_secret_value()), name, again)


def _watch(settings: Settings, alertmanager: str | None) -> Watch:
    from tacit.monitoring.watch import Watch, WatchRules

    chosen = settings.monitoring
    return Watch(
        WatchRules(
            is_expected=chosen.expected or chosen.servers,
            has_alertmanager=alertmanager is not None,
            unscraped_seconds=chosen.unscraped_seconds,
            unreachable_seconds=chosen.unreachable_seconds,
        )
    )


def _asked(address: str | None) -> HttpAlertmanager | None:
    from tacit.adapters.alertmanager import HttpAlertmanager

    return None if address is None else HttpAlertmanager(address)


def _given(settings: Settings) -> dict[str, str]:
    """Where servers of the operator's own are."""
    chosen = settings.monitoring
    found = {"prometheus": chosen.prometheus_url, "alertmanager": chosen.alertmanager_url}
    return {name: address for name, address in found.items() if address is not None}


def _folder(settings: Settings) -> Path:
    from tacit.adapters.monitoring_servers import FOLDER

    return settings.home.resolve() / FOLDER
