"""A platform that serves on a port until it is told to stop, and in which one version may misbehave.

`python -m tests.faults.arm_server_child HOME PORT ROLE MISBEHAVIOUR PLAN`: `MISBEHAVIOUR` is the JSON of a
`Misbehaviour` or `null`; `PLAN` is the file of a plan, or `-` for the platform's own.  It says `listening` once it
does, and ends cleanly at SIGTERM.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from tacit.bootstrap import App, build, load_settings, serving, serving_lock
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.server import ApiServer
from tacit.models.recommender.engines.interfaces import Found
from tacit.models.recommender.model import RecommenderModel
from tacit.rollout.release import Release, Within
from tests.plan_files import FileTrafficStore

FLAGS: dict[str, object] = {
    "events.unknown_items": "accept",
    "als.engine": "numpy",
    # A list that is kept cannot misbehave: each is computed.
    "cache.fresh_seconds": 0,
}

_LOADING = frozenset({"MainThread", "model-pool", "traffic"})
"""Threads in which a version is asked whether it answers: it behaves there, or it would never be loaded."""


@dataclass(frozen=True)
class Misbehaviour:
    """What is wrong with a version once it is loaded.

    Attributes:
        version: Its number.
        errors: Share of the lists by taste for which it raises.
        delay_seconds: How much longer each takes.
        is_poor: Whether users get what they like least.
        seed: Of the errors.
        is_hidden: Whether it behaves while it is only asked in secret.
        dies_flipping: Whether the process is killed in the middle of making any version the champion.
    """

    version: int
    errors: float = 0.0
    delay_seconds: float = 0.0
    is_poor: bool = False
    seed: int = 1
    is_hidden: bool = False
    dies_flipping: bool = False


class MisbehavingModel(RecommenderModel):
    """A version that verifies, loads and passes every check, and then misbehaves."""

    @classmethod
    def of(cls, model: RecommenderModel, how: Misbehaviour) -> MisbehavingModel:
        own = cls.__new__(cls)
        own.__dict__.update(model.__dict__, how=how, turns=random.Random(how.seed))
        return own

    def find(self, query: Any, count: int, **options: Any) -> Found:
        how: Misbehaviour = self.__dict__["how"]
        thread = threading.current_thread().name
        if thread in _LOADING or (how.is_hidden and thread == "shadow"):
            return super().find(query, count, **options)
        time.sleep(how.delay_seconds)
        if self.__dict__["turns"].random() < how.errors:
            raise RuntimeError("this version misbehaves")
        if how.is_poor:
            query, options = -query, {**options, "bonus": None}
        return super().find(query, count, **options)


@dataclass(frozen=True)
class MisbehavingWorkload:
    """A workload, as far as a server needs one, that loads one version so that it misbehaves."""

    workload: Any
    how: Misbehaviour

    def load(self, folder: Path) -> RecommenderModel:
        model: RecommenderModel = self.workload.load(folder)
        return MisbehavingModel.of(model, self.how) if folder.name == str(self.how.version) else model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.workload, name)


@dataclass(frozen=True)
class DyingRelease:
    """A release that is killed in the middle of a promotion: some of it is written, and nothing committed."""

    release: Release

    def promote(self, name: str, number: int, *, within: Within, **said: Any) -> None:
        def die() -> None:
            within()
            os.kill(os.getpid(), signal.SIGKILL)

        self.release.promote(name, number, within=die, **said)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.release, name)


def altered(app: App, how: Misbehaviour | None, plan: Path | None) -> App:
    """A platform in which a version misbehaves, and which follows a plan in a file."""
    if how is not None:
        app = replace(app, workload=MisbehavingWorkload(app.workload, how))  # type: ignore[arg-type]
    if how is not None and how.dies_flipping:
        standing = replace(app.rollouts.standing, release=DyingRelease(app.release))  # type: ignore[arg-type]
        app = replace(app, rollouts=replace(app.rollouts, standing=standing))
    return app if plan is None else replace(app, traffic=FileTrafficStore(plan))


def main(home: Path, port: int, *, role: str, how: Misbehaviour | None, plan: Path | None) -> None:
    # Not to stdout, of which nobody reads more than the first line; and a version that misbehaves has much to tell.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    flags = {"home": home, "serving.role": role, **FLAGS}
    in_force = load_settings(flags=flags, environ={})
    with serving_lock(in_force), build(in_force) as app, serving(altered(app, how, plan)) as parts:
        parts.pool.refresh()
        api = create_app(
            parts.service,
            parts.pool,
            parts.metrics,
            version="0",
            intake=parts.intake,
            extra_routers=further_routes(app, parts),
            role=parts.role,
        )
        server = ApiServer(api, port=port)
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
        print("listening", flush=True)
        server.run()


if __name__ == "__main__":
    said = json.loads(sys.argv[4])
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        role=sys.argv[3],
        how=None if said is None else Misbehaviour(**said),
        plan=None if sys.argv[5] == "-" else Path(sys.argv[5]),
    )
