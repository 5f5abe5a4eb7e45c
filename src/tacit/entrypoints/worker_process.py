"""The door of a worker's process: `python -m tacit.entrypoints.worker_process`, started by its supervisor."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacit.serving.model_pool import LoadedVersion

PRELOADED = (
    "tacit.adapters.access_queue",
    "tacit.adapters.argon2_passwords",
    "tacit.adapters.event_log_writer",
    "tacit.adapters.history",
    "tacit.adapters.jwt_tokens",
    "tacit.adapters.key_files",
    "tacit.adapters.limiting",
    "tacit.adapters.process_runner",
    "tacit.adapters.prometheus",
    "tacit.adapters.prometheus_families",
    "tacit.adapters.prometheus_scrape",
    "tacit.adapters.publisher",
    "tacit.adapters.signers",
    "tacit.adapters.snapshots",
    "tacit.adapters.sql.accesses",
    "tacit.adapters.sql.accounts",
    "tacit.adapters.sql.arm_traffic",
    "tacit.adapters.sql.audit",
    "tacit.adapters.sql.catalog",
    "tacit.adapters.sql.engine",
    "tacit.adapters.sql.events",
    "tacit.adapters.sql.exposures",
    "tacit.adapters.sql.guards",
    "tacit.adapters.sql.hiding",
    "tacit.adapters.sql.jobs",
    "tacit.adapters.sql.keys",
    "tacit.adapters.sql.moods",
    "tacit.adapters.sql.outcomes",
    "tacit.adapters.sql.registry",
    "tacit.adapters.sql.rollouts",
    "tacit.adapters.sql.runs",
    "tacit.adapters.sql.sessions",
    "tacit.adapters.sql.traffic",
    "tacit.adapters.threads",
    "tacit.bootstrap.ab",
    "tacit.bootstrap.accounts",
    "tacit.bootstrap.events",
    "tacit.bootstrap.event_relay",
    "tacit.bootstrap.freshness",
    "tacit.bootstrap.overload",
    "tacit.bootstrap.precomputing",
    "tacit.bootstrap.rollout_keeping",
    "tacit.bootstrap.traffic",
    "tacit.entrypoints.api.app",
    "tacit.entrypoints.api.gatehouse",
    "tacit.entrypoints.api.operations",
    "tacit.entrypoints.api.server",
    "tacit.entrypoints.cli.first_start",
    "tacit.entrypoints.cli.logs",
    "tacit.entrypoints.cli.serving",
    "tacit.entrypoints.console.pages",
    "tacit.entrypoints.storefront.pages",
    "tacit.entrypoints.storefront.signing_in",
    "tacit.models.recommender.engines.native_engine",
    "tacit.models.recommender.workload",
    "tacit.serving.freshness_keeper",
    "tacit.serving.recommend",
    "uvloop",
)
"""What takes a process seconds to load before it can open anything; a copy of the spare one has it all."""


def main() -> int:
    """Serve until told to end, or stand by and serve as a copy; returns the exit code."""
    plan = json.loads(sys.argv[1])
    try:
        if plan["number"] is not None:
            return _served(plan)
        from tacit.bootstrap.workers import standing_by

        copy = standing_by(plan["line"], PRELOADED, listener=plan["listener"])
        return 0 if copy is None else _served({**plan, **asdict(copy)})
    finally:
        gc.unfreeze()  # so that what was loaded to be copied is let go of as well


def _served(plan: Mapping[str, Any]) -> int:
    from tacit.errors import TacitError

    try:
        run_worker(plan)
    except TacitError as error:
        from tacit.entrypoints.cli.program import told

        return told(error, is_json=plan["is_json"] and plan["is_first"])
    return 0


def run_worker(plan: Mapping[str, Any]) -> None:
    """Serve beside others, as a supervisor asks; the settings are in the environment."""
    from tacit.bootstrap import load_settings
    from tacit.bootstrap.workers import kept_lock, worker_line
    from tacit.entrypoints.cli.answering import Berth, Plan, end_soon
    from tacit.entrypoints.cli.first_start import Steps
    from tacit.entrypoints.cli.logs import log_to_stderr
    from tacit.entrypoints.cli.render import say
    from tacit.entrypoints.cli.serving import serve_here

    log_to_stderr("info")
    listener = socket.socket(fileno=plan["listener"])
    line = worker_line(plan["line"], on_alone=lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.set_inheritable(plan["listener"], False)
    steps = Steps(say if plan["is_json"] else _print)
    number = plan["number"]

    def told(loaded: LoadedVersion | None, addresses: dict[str, str]) -> None:
        del addresses
        label, dataset = (None, None) if loaded is None else (loaded.label, loaded.manifest.dataset)
        line.serving({"version": label, "dataset": dataset, "steps": [asdict(step) for step in steps.done]})

    in_force = load_settings(flags={"serving.role": "reader" if number else "all"})
    with kept_lock(in_force, plan["lock"]):
        chosen = Plan(plan["is_json"], plan["is_first_start_allowed"] and plan["is_first"], plan["needs_champion"])
        berth = Berth(number, listener, line)
        serve_here(in_force, chosen, steps, told=told, berth=berth)
    end_soon()


def _print(text: str) -> None:
    from tacit.entrypoints.cli.render import printable

    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
