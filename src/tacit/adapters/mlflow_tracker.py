"""MLflow as a tracker: runs, their parameters, metrics, curves and files; on SQLite, or by a tracking server.

MLflow's client waits for minutes and tries again where a server is away.  So each call runs in a thread of its own and
is left behind at the deadline, and after the first failure nothing more is tried: a sweep beside a dead server loses
one deadline, not one for each run.  Everything is in our ledger first, and `tacit experiments publish` tells the
tracker what it missed.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tacit.adapters.deadlines import Bulkhead
from tacit.errors import Misconfigured, TacitError, Unavailable
from tacit.models.experiments.runs import Run

# Without these it reports its use to its makers, tries the same seven times, and prints addresses among our answers.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_RUN_ID = "tacit.run_id"
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_FINISHED = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


class MlflowTracker:
    """A `Tracker` over MLflow's client.

    Args:
        uri: `sqlite:///…`, or the address of a tracking server.
        artifacts: Where files of runs go where there is no server; `None` leaves it to the server.
        seconds: How long one call may take; the first also imports MLflow and, on SQLite, makes its tables.
    """

    def __init__(self, uri: str, *, artifacts: Path | None, seconds: float) -> None:
        self._uri, self._artifacts, self._seconds = uri, artifacts, seconds
        self._bulkhead = Bulkhead("tracker", threads=2)
        self._client: Any = None
        self._given_up: Unavailable | None = None

    def record(self, run: Run, texts: Mapping[str, str] | None = None) -> None:
        self._within_deadline(lambda: self._record(run, texts or {}))

    def attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        self._within_deadline(lambda: self._attach(experiment, files, tags))

    def _within_deadline(self, call: Callable[[], None]) -> None:
        if self._given_up is not None:
            raise self._given_up
        try:
            self._bulkhead.run(call, self._seconds)
        except TacitError as problem:
            self._given_up = problem if isinstance(problem, Unavailable) else _unavailable(problem)
            raise self._given_up from problem
        except Exception as problem:
            # Without its cause, which may say the whole address.
            self._given_up = _unavailable(problem)
            raise self._given_up from None

    def _record(self, run: Run, texts: Mapping[str, str]) -> None:
        client, experiment = self._opened(run.experiment)
        if self._is_there(experiment, run.run_id):
            return
        made = client.create_run(experiment, start_time=_ms(run.started_at), run_name=run.name, tags=_tags(run))
        client.log_batch(made.info.run_id, params=_parameters(run))
        for part in _parts(_metrics(run), 500):
            client.log_batch(made.info.run_id, metrics=part)
        for name, text in texts.items():
            client.log_text(made.info.run_id, text, name)
        # Only now is it found as told: one that broke off half way is told anew.
        client.set_tag(made.info.run_id, _RUN_ID, run.run_id)
        client.set_terminated(made.info.run_id, _FINISHED[run.outcome.state], end_time=_ms(run.ended_at))

    def _attach(self, experiment: str, files: Sequence[Path], tags: Mapping[str, str]) -> None:
        client, experiment_id = self._opened(experiment)
        made = client.create_run(experiment_id, run_name="comparison", tags=dict(tags))
        for path in files:
            client.log_artifact(made.info.run_id, str(path))
        client.set_terminated(made.info.run_id, "FINISHED")

    def _is_there(self, experiment: str, run_id: str) -> bool:
        asked = f"tags.`{_RUN_ID}` = '{run_id}'"
        return bool(self._client.search_runs([experiment], filter_string=asked, max_results=1))

    def _opened(self, name: str) -> tuple[Any, str]:
        """The client, and the id of an experiment, made if need be."""
        if self._client is None:
            self._client = _client(self._uri)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return self._client, str(found.experiment_id)
        place = None if self._artifacts is None else (self._artifacts / name).absolute().as_uri()
        return self._client, str(self._client.create_experiment(name, artifact_location=place))


def check_installed() -> None:
    """See that MLflow can be imported, without importing it.

    Raises:
        Misconfigured: `extra_missing`.
    """
    try:
        is_there = find_spec("mlflow") is not None
    except ValueError:  # it was imported, and taken out again
        is_there = False
    if not is_there:
        raise Misconfigured(
            "extra_missing",
            "experiments.tracker is mlflow, and MLflow is not installed.",
            field="experiments.tracker",
            fix="Install the extra: pip install 'tacit[mlflow]', or set experiments.tracker to none.",
        )


def _client(uri: str) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    tracking = import_module("mlflow.tracking")
    # Only now, since importing it sets them: its tables tell of each step, and the driver of each attempt.
    for name in ("alembic", "mlflow", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return tracking.MlflowClient(tracking_uri=uri)


def _tags(run: Run) -> dict[str, str]:
    tags = {
        "tacit.kind": run.kind,
        "tacit.dataset": run.dataset,
        "tacit.snapshot": run.recipe.snapshot,
        "tacit.code": run.recipe.code,
        "tacit.fold": run.recipe.fold,
        "tacit.factors_digest": run.outcome.factors_digest or "",
        "tacit.copy_of": run.copy_of or "",
        "tacit.version": run.name if run.kind == "training" else "",
        "tacit.problem": run.outcome.problem or "",
    }
    return {name: value for name, value in tags.items() if value}


def _parameters(run: Run) -> list[Any]:
    entities = import_module("mlflow.entities")
    return [entities.Param(name, str(value)[:6_000]) for name, value in sorted(run.recipe.parameters.items())]


def _metrics(run: Run) -> list[Any]:
    entities, at = import_module("mlflow.entities"), _ms(run.ended_at)
    outcome = run.outcome
    costs = {"seconds": outcome.seconds, "factor_bytes": float(outcome.factor_bytes)}
    if outcome.peak_memory is not None:
        costs["peak_memory"] = float(outcome.peak_memory)
    ends = [entities.Metric(_name(name), value, at, 0) for name, value in {**costs, **outcome.metrics}.items()]
    steps = [
        entities.Metric(f"{_name(name)}_by_iteration", value, at, step)
        for name, curve in outcome.curves.items()
        for step, value in curve
    ]
    return ends + steps


def _name(metric: str) -> str:
    """A metric's name as MLflow takes it."""
    return metric.replace("@", "_at_")


def _parts(values: list[Any], size: int) -> list[list[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _ms(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1_000)


def _unavailable(problem: Exception) -> Unavailable:
    said = _CREDENTIALS.sub("//…@", str(problem))
    return Unavailable(
        "tracker_unavailable",
        f"MLflow failed: {type(problem).__name__}: {ascii(said)[1:-1][:200]}.",
        field="experiments.tracking_uri",
        fix="See to the tracking server, then run `tacit experiments publish`.",
    )
