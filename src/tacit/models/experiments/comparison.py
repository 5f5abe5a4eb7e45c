"""The comparison of an experiment's runs: one line each, as values and as CSV (pure)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tacit.models.experiments.runs import Run

CSV_NAME = "experiments_comparison.csv"

_PARAMETERS = ("factors", "iterations", "alpha", "regularization", "frequency_exponent", "curve", "seed")
_METRICS = ("precision@10", "map@10", "ndcg@10", "recall@10", "ndcg@20", "coverage@10")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        experiment: The sweep or search.
        snapshot: The data they were compared on.
        runs: In the order of the table.
        chosen: Id of the run chosen, if one was.
        rationale: Why.
    """

    experiment: str
    snapshot: str
    runs: tuple[Run, ...]
    chosen: str | None = None
    rationale: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """One line a run."""
        return [{**_row(run), "chosen": run.run_id == self.chosen} for run in self.runs]

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "experiment": self.experiment,
            "snapshot": self.snapshot,
            "chosen": self.chosen,
            "rationale": self.rationale,
            "rows": self.rows(),
        }


def compared(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs of a table: of those made again the latest, in the order in which they first came.

    Args:
        runs: The latest first, as the ledger has them.
    """
    latest: dict[tuple[str, str], Run] = {}
    for run in reversed(list(runs)):
        latest[run.name, run.recipe.key] = run
    return tuple(latest.values())


def as_csv(comparison: Comparison) -> str:
    """The table as CSV, numbers in full."""
    rows = comparison.rows()
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=list(_columns()), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _columns() -> Sequence[str]:
    costs = ("seconds", "peak_memory_mib", "factors_mib")
    ends = ("state", "factors_digest", "run_id", "problem", "chosen")
    return ("name", "fold", *_PARAMETERS, *_METRICS, *costs, *ends)


def _row(run: Run) -> dict[str, Any]:
    outcome, parameters = run.outcome, run.recipe.parameters
    return {
        "name": run.name,
        "fold": run.recipe.fold,
        **{name: parameters.get(name) for name in _PARAMETERS},
        **{name: outcome.metrics.get(name) for name in _METRICS},
        "seconds": round(outcome.seconds, 3),
        "peak_memory_mib": None if outcome.peak_memory is None else round(outcome.peak_memory / 2**20, 1),
        "factors_mib": round(outcome.factor_bytes / 2**20, 3),
        "state": outcome.state,
        "factors_digest": outcome.factors_digest,
        "run_id": run.run_id,
        "problem": outcome.problem,
    }


def _cell(value: object) -> object:
    """A value as CSV has it; a text that a spreadsheet would take for a formula is quoted as one."""
    if isinstance(value, str) and value[:1] in "=+-@":
        return f"'{value}"
    return "" if value is None else value
