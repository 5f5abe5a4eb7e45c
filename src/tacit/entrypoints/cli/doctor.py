"""What is wrong with an installation: each check looks at one thing, and says how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tacit.entrypoints.cli.options import Asked
from tacit.entrypoints.cli.ports import ports_of
from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.bootstrap import App, SettingsInForce

Outcome = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
SCARCE_BYTES = 2 * 2**30
NO_BYTES = 256 * 2**20
RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that stands before this is wrong."""

NATIVE_LIBRARIES = ("numpy", "scipy", "pyarrow", "duckdb", "cryptography", "sqlalchemy", "uvicorn")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: The check.
        outcome: `fail` keeps the platform from working, `warn` may.
        said: What was found.
        fix: What to do about it.
    """

    name: str
    outcome: Outcome
    said: str
    fix: str = ""


def examination(asked: Asked) -> list[Finding]:
    """Every check that can be made, in the order in which one depends on another."""
    findings = [_python(), _libraries(), clock(time.time())]
    try:
        in_force = asked.settings()
    except TacitError as problem:
        return [*findings, _problem("settings", problem)]
    home = _home(in_force.settings.home.resolve(), is_used=has_database(in_force))
    als = in_force.settings.als
    findings += [_settings(in_force), engine(als.engine, als.threads), home, *_ports(in_force), *_workers(in_force)]
    if home.outcome != "fail" and has_database(in_force):
        return [*findings, *_inside(in_force)]
    return findings if in_force.settings.database_url is None else [*findings, _reached(in_force)]


def has_database(in_force: SettingsInForce) -> bool:
    """Whether this home was used before, so that looking into it makes nothing."""
    home = in_force.settings.home
    if in_force.settings.database_url is None:
        return (home / "tacit.db").exists()
    return home.is_dir() and any(home.iterdir())


def _python() -> Finding:
    said = f"Python {platform.python_version()} on {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "fail", said, "Use Python 3.11 or newer.")
    return Finding("python", "ok", said)


def _libraries() -> Finding:
    try:
        found = ", ".join(f"{name} {version(name)}" for name in NATIVE_LIBRARIES)
    except PackageNotFoundError as problem:
        return Finding("libraries", "fail", f"{problem.name} is missing", "Install anew: make up.")
    return Finding("libraries", "ok", f"{found}, SQLite {sqlite3.sqlite_version}")


def clock(now: float) -> Finding:
    said = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    if now < RELEASED_AT.timestamp():
        return Finding("clock", "fail", f"It is {said} here, before this release was made.", "Set the clock.")
    return Finding("clock", "ok", said)


def _settings(in_force: SettingsInForce) -> Finding:
    chosen = [origin.key for origin in in_force.origins if origin.source != "default"]
    return Finding("settings", "ok", f"{len(chosen)} chosen ({', '.join(chosen) or 'all default'})")


def engine(asked: str, threads: int | None = None) -> Finding:
    """What trains and retrieves, and what to install where it is the slower one."""
    from tacit.models.recommender.engines.choosing import choose_engine
    from tacit.models.recommender.engines.native_build import native_build

    try:
        chosen = choose_engine(asked, threads)
    except TacitError as problem:
        return _problem("engine", problem)
    native = native_build() if chosen.name != "numpy" else None
    if native is None and asked == "numpy":
        return Finding("engine", "ok", "numpy, as als.engine asks")
    if native is None:
        said = "numpy, many times slower: the native engine was not built, or does not load here"
        return Finding("engine", "warn", said, "Install a C++ compiler (Debian: g++ python3-dev), then: make setup.")
    if not native.has_openmp:
        said = f"{chosen.name}, on one thread: it was built without OpenMP"
        return Finding("engine", "warn", said, "Install a compiler with OpenMP (Debian: g++), then: make native.")
    return Finding("engine", "ok", f"{chosen.name}, {chosen.threads} threads; here are {', '.join(native.available)}")


def _home(home: Path, *, is_used: bool) -> Finding:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("home", "fail", f"{existing} is no folder to write to", "Name another (TACIT_HOME).")
    free = shutil.disk_usage(existing).free
    said = f"{home}, {free / 2**30:.1f} GiB free"
    if free < NO_BYTES:
        return Finding("home", "fail", said, "Free some space: there is none to write to.")
    if free < SCARCE_BYTES:
        return Finding("home", "warn", said, "Free some space: imports and versions need room.")
    if home != existing or not is_used:
        return Finding("home", "warn", f"{said}; nothing is there yet", "Run tacit up.")
    return Finding("home", "ok", said)


def _ports(in_force: SettingsInForce) -> Iterator[Finding]:
    from tacit.bootstrap import serving_process

    server = serving_process(in_force)
    for port in ports_of(in_force.settings):
        name = port.setting.replace("_", " ")
        if server is not None:
            yield Finding(name, "ok", f"{port}, served by our process {server.get('pid', '?')}")
        elif (problem := port.problem()) is None:
            yield Finding(name, "ok", f"{port} is free")
        else:
            yield Finding(name, "warn", f"{port}: {problem}", port.fix)


def _workers(in_force: SettingsInForce) -> Iterator[Finding]:
    """How the workers stand that serve from this home, where there are several."""
    from tacit.bootstrap.workers import workers_standing

    for row in workers_standing(in_force) or ():
        ended = f", {row['restarts']} restarts, the last after {row['last_end']}" if row["restarts"] else ""
        said = f"{row['state']} as process {row['pid'] or '?'}{ended}"
        if row["is_failing"]:
            yield Finding(f"worker {row['worker']}", "fail", said, "The log says why it ends: look for worker_ended.")
        else:
            outcome: Outcome = "ok" if row["state"] == "serving" else "warn"
            yield Finding(f"worker {row['worker']}", outcome, said)


def _inside(in_force: SettingsInForce) -> list[Finding]:
    """What can be known only by opening the home."""
    from tacit.bootstrap import build

    try:
        with build(in_force) as app:
            opened = Finding("database", "ok", f"{_database(in_force)}: opens, its schema is this release's")
            checks: tuple[Callable[[App], Finding], ...] = (_keys, _datasets, _champion, _way_back, _ledger, _recorded)
            return [opened, *(_guarded(check, app) for check in checks)]
    except TacitError as problem:
        return [_problem("database", problem, f"{_database(in_force)}: ")]


def _database(in_force: SettingsInForce) -> str:
    """Which database, without its password."""
    named = next(each.value for each in in_force.origins if each.key == "database_url")
    return "SQLite in the home folder" if named is None else str(named)


def _reached(in_force: SettingsInForce) -> Finding:
    """Whether a database elsewhere can be reached, before there is a home."""
    from tacit.bootstrap import reach_database

    try:
        reach_database(in_force)
    except TacitError as problem:
        return _problem("database", problem, f"{_database(in_force)}: ")
    return Finding("database", "ok", f"{_database(in_force)}: can be reached")


def _guarded(check: Callable[[App], Finding], app: App) -> Finding:
    try:
        return check(app)
    except TacitError as problem:
        return _problem(check.__name__.strip("_"), problem)


def _keys(app: App) -> Finding:
    folder = app.settings.home / "keys"
    private = sorted(folder.glob("*.key"))
    open_to_others = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_to_others:
        names = ", ".join(open_to_others)
        return Finding("keys", "fail", f"others can read {names}", f"chmod 600 {folder}/*.key, or replace them.")
    if not private:
        return Finding("keys", "ok", "none yet; one is made when the first version is signed")
    return Finding("keys", "ok", f"{len(private)} private, readable by their owner alone")


def _datasets(app: App) -> Finding:
    known = app.history.datasets()
    if not known:
        return Finding("datasets", "warn", "nothing was imported yet", "Run tacit import or tacit up.")
    return Finding("datasets", "ok", ", ".join(known))


def _champion(app: App) -> Finding:
    from tacit.bootstrap import MODEL

    version = app.registry.champion(MODEL)
    if version is None:
        return Finding("champion", "warn", "there is none", "Run tacit up, or tacit train --promote.")
    app.registry.verify(MODEL, version.number)
    model = app.workload.load(version.folder)
    return Finding("champion", "ok", f"{MODEL}/{version.number} verifies and loads: {len(model.user_ids):,} users")


def _way_back(app: App) -> Finding:
    """Whether a rollback would find something, known before it is needed."""
    from tacit.bootstrap import MODEL

    plan = app.release.plan_rollback(MODEL)
    if plan.target is not None:
        return Finding("way back", "ok", f"a rollback would return to {MODEL}/{plan.target}")
    if plan.skipped:
        return Finding("way back", "warn", "no earlier champion works any more", "Promote a version that verifies.")
    return Finding("way back", "ok", "there was no earlier champion")


def _ledger(app: App) -> Finding:
    """Whether the record of who was champion is what was written."""
    from tacit.bootstrap.upkeep import version_desk

    check = version_desk(app).check()
    if not check.is_whole:
        fix = (
            "Find out who changed the database; restore it from a backup that verifies (tacit models history --verify)."
        )
        return Finding("ledger", "fail", "; ".join(check.problems()), fix)
    return Finding("ledger", "ok", f"{check.entries} moves of the champion, as they were written")


def _recorded(app: App) -> Finding:
    """Whether the clock stands before something that was recorded already."""
    latest = next((entry.at for entry in app.audit.entries(limit=1)), None)
    now = datetime.now(UTC)
    if latest is not None and (datetime.fromisoformat(latest) - now).total_seconds() > 60:
        return Finding("trail", "warn", f"the latest entry is of {latest}, in the future", "Set the clock.")
    return Finding("trail", "ok", f"the latest entry is of {latest}" if latest else "empty")


def _problem(name: str, problem: TacitError, of: str = "") -> Finding:
    return Finding(name.replace("_", " "), "fail", f"{of}{problem.code}: {problem.detail}", problem.fix or "")
