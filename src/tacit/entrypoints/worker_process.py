"""The door of a worker's process: `python -m tacit.entrypoints.worker_process`, started by its supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacit.serving.model_pool import LoadedVersion

PRELOADED = (
    "tacit.adapters.history",
    "tacit.adapters.prometheus",
    "tacit.adapters.publisher",
    "tacit.adapters.snapshots",
    "tacit.adapters.sql.engine",
    "tacit.adapters.sql.outcomes",
    "tacit.adapters.sql.registry",
    "tacit.adapters.sql.runs",
    "tacit.bootstrap.events",
    "tacit.entrypoints.api.app",
    "tacit.entrypoints.api.operations",
    "tacit.entrypoints.api.server",
    "tacit.entrypoints.storefront.pages",
    "tacit.models.recommender.workload",
    "tacit.serving.recommend",
)
"""What takes a process seconds to load before it can open anything; a spare one has done so when it is needed."""


def main() -> int:
    """Serve until told to end; returns the exit code."""
    from tacit.errors import TacitError

    plan = json.loads(sys.argv[1])
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
    if number is None:
        for name in PRELOADED:
            import_module(name)
        number = line.awaited_number()

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
