"""How soon a list follows what its user did, and how good the lists of users are whom training never met.

Over HTTP, `tacit up` in a process of its own: from the moment an event is acknowledged until the user's list is
another one; for users who are known, and for some made up on the spot; and whether an item that was hidden is gone from
the next answer.  Beside it, on a public data set and with models alone: users held out of training are folded in from
four fifths of their items and judged on the others, against a model trained anew with those four fifths in it; others
each time, and the mean counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _folds
from benchmarks._fresh_sides import Changes, hidden, known_users, made_up_users
from benchmarks._harness import Benchmark, Options, Outcome, run, say
from benchmarks._load import percentiles
from benchmarks._served import Cores, platform
from benchmarks._worker import run_side

GOAL_MS = 500
GOAL_SHARE = 0.97
LEAST_USERS = 200


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments that only this benchmark has."""
    parser.add_argument("--users", type=int, default=LEAST_USERS, help="known users whose lists are watched")
    parser.add_argument("--made-up", type=int, default=50, help="users made up on the spot, of five events each")
    parser.add_argument("--items", type=int, default=50, help="items that are hidden")
    parser.add_argument("--held-out", type=int, default=3_000, help="users of the public data set left out of training")
    parser.add_argument("--times", type=int, default=5, help="how often, others each time")
    parser.add_argument("--factors", type=int, default=None, help="of both models, no second voice; else as shipped")
    parser.add_argument("--no-server", action="store_true", help="only the models")
    parser.add_argument("--no-models", action="store_true", help="only the server")


def measure(options: Options) -> Outcome:
    """Ask a platform, then compare models."""
    served = {} if options.no_server else _served(options)
    split = None if options.no_models else _split(options.data)
    models = {} if split is None else _models(split, options)
    known = served.get("known", {})
    return Outcome(
        figure=known.get("p99_ms"),
        unit="ms from an acknowledged event to another list, p99",
        goal=f"<= {GOAL_MS}; folded in >= {GOAL_SHARE} of trained anew",
        checks={**served_checks(served), **model_checks(models)},
        details={**served, "models": models, "split": split.name if split else "none"},
    )


def served_checks(served: dict[str, Any]) -> dict[str, bool | None]:
    """What must hold over HTTP; what was not asked could not be told."""
    known, made_up, gone = (served.get(name) for name in ("known", "made_up", "hidden"))
    return {
        f"another list {GOAL_MS} ms after the acknowledgement, p99": None
        if known is None
        else known["never"] == 0 and known["users"] >= LEAST_USERS and known["p99_ms"] <= GOAL_MS,
        "no list changed before there was an event": None if known is None else known["changed_by_itself"] == 0,
        f"a made-up user of five events has a list of their own within {GOAL_MS} ms, p99": None
        if made_up is None
        else made_up["never"] == 0 and made_up["p99_ms"] <= GOAL_MS,
        "an item that was hidden is gone from the next answer": None
        if gone is None
        else gone["asked"] > 0 and gone["still_there"] == 0,
    }


def model_checks(models: dict[str, Any]) -> dict[str, bool | None]:
    """What must hold of the models."""
    if not models:
        return {}
    return {
        f"folded in: NDCG@10 >= {GOAL_SHARE} of trained anew": models["share"] >= GOAL_SHARE,
        "folded in from five events: better than popularity": models["five_events"]["folded_in"]
        > models["five_events"]["popularity"],
    }


def _served(options: Options) -> dict[str, Any]:
    cores = Cores.here()
    with (
        tempfile.TemporaryDirectory(dir=options.folder, prefix="tacit-freshness-") as place,
        platform(Path(place), core=cores.server) as server,
    ):
        say("known users")
        known = known_users(Path(place), server.address, count=options.users)
        say("users made up on the spot")
        made_up = made_up_users(server.address, count=options.made_up)
        say("hidden items")
        gone = hidden(Path(place), server.address, count=options.items)
    return {"known": told(known), "made_up": told(made_up), "hidden": gone}


def told(changes: Changes) -> dict[str, Any]:
    """Seconds until lists changed, in milliseconds; a list that never did is in no percentile, but counted."""
    seconds = np.array(changes.seconds)
    return {
        "users": len(changes.seconds),
        "never": int(np.isinf(seconds).sum()),
        "changed_by_itself": changes.by_themselves,
        **percentiles(seconds),
        "acknowledged_p50_ms": percentiles(np.array(changes.acknowledged))["p50_ms"],
    }


def _split(data: Path | None) -> Path | None:
    """Gowalla, in the folder named or beside the repository."""
    home = _folds.real_folder(data)
    found = None if home is None else home / "gowalla"
    return found if found is not None and found.is_dir() else None


def _models(split: Path, options: Options) -> dict[str, Any]:
    say("models: users held out of training")
    arguments = {
        "split": str(split.resolve()),
        "held_out": options.held_out,
        "times": options.times,
        "threads": options.threads,
        "factors": options.factors,
    }
    reading = run_side("benchmarks._generalisation:compare", arguments, threads=options.threads)
    found: dict[str, Any] = reading.result
    return {**found, "cpu_seconds": reading.cpu, "wall_seconds": reading.wall}


BENCHMARK = Benchmark("freshness", (__doc__ or "").splitlines()[0], measure, options, pairs=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    return run(BENCHMARK, arguments)


if __name__ == "__main__":
    sys.exit(main())
