"""Prometheus and Alertmanager as Debian ships them, over files and data of their own in the home, on loopback."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tacit.adapters.kept_server import Running, ServerPlan, left_behind
from tacit.errors import Misconfigured

HOST = "127.0.0.1"
PROMETHEUS_PORT, ALERTMANAGER_PORT = 9_090, 9_093
FOLDER = "monitoring"
"""Where in the home all of it lies."""
APT_LINE = "apt-get install prometheus prometheus-alertmanager"
PROMETHEUS_PROGRAMS = ("prometheus",)
ALERTMANAGER_PROGRAMS = ("prometheus-alertmanager", "alertmanager")
"""What Debian calls it, and what everybody else does."""


@dataclass(frozen=True)
class Ports:
    """Where both listen."""

    prometheus: int
    alertmanager: int


@dataclass(frozen=True)
class Programs:
    """What is run."""

    prometheus: str
    alertmanager: str


@dataclass(frozen=True)
class Retention:
    """How much is kept: samples by age and size, silences that are over by age."""

    days: int
    mib: int


def found_programs() -> Programs:
    """Both programs on the path.

    Raises:
        Misconfigured: `monitoring_missing`, saying how to get them.
    """
    found = [_found(PROMETHEUS_PROGRAMS), _found(ALERTMANAGER_PROGRAMS)]
    missing = [names[0] for names, path in zip(_NAMES, found, strict=True) if path is None]
    if missing:
        raise Misconfigured(
            "monitoring_missing",
            f"There is no {' and no '.join(missing)} on the path.",
            field="monitoring.servers",
            fix=f"Install both (Debian: {APT_LINE}), or start without --with-monitoring.",
        )
    return Programs(*(str(path) for path in found))


_NAMES = (PROMETHEUS_PROGRAMS, ALERTMANAGER_PROGRAMS)


def chosen_ports(folder: Path, prometheus: int | None, alertmanager: int | None) -> Ports:
    """The ports that were asked for; of one that was not, that of the server that was left behind, else the usual one,
    or any other where that is taken.

    Args:
        folder: Where servers that were left behind are noted.
        prometheus: What was asked for, if anything.
        alertmanager: The same.

    Raises:
        Misconfigured: `port_unavailable`.
    """
    return Ports(
        _port("prometheus", prometheus, usual=PROMETHEUS_PORT, left=left_behind(folder, "prometheus")),
        _port("alertmanager", alertmanager, usual=ALERTMANAGER_PORT, left=left_behind(folder, "alertmanager")),
    )


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write what both read, each whole; they hold secrets, and nobody else may read them.

    Args:
        folder: Made where it is missing.
        files: Texts by name.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in files.items():
        beside = folder / f"{name}.new"
        beside.touch(mode=0o600)
        beside.write_text(text, "utf-8")
        beside.replace(folder / name)


def prometheus_plan(program: str, folder: Path, port: int, *, kept: Retention) -> ServerPlan:
    """How Prometheus is run over `prometheus.yml` in a folder."""
    address = f"http://{HOST}:{port}"
    command = (
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--storage.tsdb.retention.time={kept.days}d",
        f"--storage.tsdb.retention.size={kept.mib}MB",
        f"--web.listen-address={HOST}:{port}",
        f"--web.external-url={address}",
        # An Alertmanager that was away hears of what fires at the next evaluation, not a minute later.
        "--rules.alert.resend-delay=2s",
        "--log.level=warn",
    )
    return ServerPlan("prometheus", command, address, folder)


def alertmanager_plan(program: str, folder: Path, port: int, *, kept: Retention) -> ServerPlan:
    """How Alertmanager is run over `alertmanager.yml` in a folder, by itself."""
    address = f"http://{HOST}:{port}"
    command = (
        program,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--data.retention={kept.days * 24}h",
        f"--web.listen-address={HOST}:{port}",
        f"--web.external-url={address}",
        # One that looks for others of a cluster holds the first notices back while it does.
        "--cluster.listen-address=",
        "--log.level=warn",
    )
    return ServerPlan("alertmanager", command, address, folder)


def _found(names: tuple[str, ...]) -> str | None:
    return next((path for path in map(shutil.which, names) if path is not None), None)


def _port(name: str, asked: int | None, *, usual: int, left: Running | None) -> int:
    if left is not None and asked in (None, left.port):
        return left.port
    if asked is not None and not _is_free(asked):
        setting = f"monitoring.{name}_port"
        raise Misconfigured(
            "port_unavailable",
            f"Cannot listen on {HOST}:{asked}: something else does.",
            field=setting,
            fix=f"Stop it, or choose another (TACIT_{setting.upper().replace('.', '__')}).",
        )
    if asked is not None:
        return asked
    if _is_free(usual):
        return usual
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
