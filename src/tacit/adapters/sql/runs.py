"""What the ledger of runs asks of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, distinct, func, insert, select
from sqlalchemy.exc import IntegrityError

from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.run_tables import run_choices, runs
from tacit.errors import Refused
from tacit.models.experiments.runs import Choice, Kind, Outcome, Recipe, Run


class SqlRunStore:
    """A `RunStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_conflict(patient=True)
    def add(self, run: Run) -> None:
        try:
            with self._database.writing(patient=True) as connection:
                connection.execute(insert(runs).values(sequence=_next(connection, runs), **_values(run)))
        except IntegrityError as error:
            detail = f"Run {ascii(run.run_id)[:64]} is in the ledger already and never changes."
            raise Refused("run_immutable", detail, field="run_id") from error

    def run(self, run_id: str) -> Run | None:
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
        return None if row is None else _run(row)

    def finished(self, key: str) -> Sequence[Run]:
        made = select(runs).where(runs.c.key == key, runs.c.state != "failed", runs.c.copy_of.is_(None))
        with self._database.reading(patient=True) as connection:
            return [_run(row) for row in connection.execute(made.order_by(runs.c.sequence.desc()))]

    def runs(self, *, experiment: str | None = None, kind: Kind | None = None, limit: int = 100) -> Sequence[Run]:
        asked = select(runs).order_by(runs.c.sequence.desc()).limit(limit)
        asked = asked if experiment is None else asked.where(runs.c.experiment == experiment)
        asked = asked if kind is None else asked.where(runs.c.kind == kind)
        with self._database.reading(patient=True) as connection:
            return [_run(row) for row in connection.execute(asked)]

    def looks(self, snapshot: str) -> int:
        asked = select(func.count(distinct(runs.c.key))).where(runs.c.snapshot == snapshot, runs.c.fold == "holdout")
        with self._database.reading(patient=True) as connection:
            return connection.scalar(asked) or 0

    @again_after_conflict(patient=True)
    def choose(self, choice: Choice) -> None:
        values = {**choice.as_dict(), "rule": json.dumps(dict(choice.rule), sort_keys=True)}
        with self._database.writing(patient=True) as connection:
            connection.execute(insert(run_choices).values(sequence=_next(connection, run_choices), **values))

    def choices(self, *, experiment: str | None = None, limit: int = 100) -> Sequence[Choice]:
        asked = select(run_choices).order_by(run_choices.c.sequence.desc()).limit(limit)
        asked = asked if experiment is None else asked.where(run_choices.c.experiment == experiment)
        with self._database.reading(patient=True) as connection:
            return [_choice(row) for row in connection.execute(asked)]


def _next(connection: Connection, table: Table) -> int:
    """The place after the last; whoever writes waits for who wrote before."""
    return int(connection.scalar(select(func.coalesce(func.max(table.c.sequence), 0))) or 0) + 1


def _values(run: Run) -> dict[str, Any]:
    recipe, outcome = run.recipe, run.outcome
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "experiment": run.experiment,
        "name": run.name,
        "dataset": run.dataset,
        "key": recipe.key,
        "snapshot": recipe.snapshot,
        "code": recipe.code,
        "fold": recipe.fold,
        "parameters": _json(recipe.parameters),
        "seed": recipe.parameters.get("seed"),
        "state": outcome.state,
        "metrics": _json(outcome.metrics),
        "curves": _json(outcome.curves),
        "seconds": outcome.seconds,
        "peak_memory": outcome.peak_memory,
        "factor_bytes": outcome.factor_bytes,
        "factors_digest": outcome.factors_digest,
        "problem": outcome.problem,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "copy_of": run.copy_of,
    }


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values))


def _run(row: Row[Any]) -> Run:
    curves = {name: tuple((int(at), value) for at, value in curve) for name, curve in json.loads(row.curves).items()}
    outcome = Outcome(
        state=row.state,
        metrics=json.loads(row.metrics),
        curves=curves,
        seconds=row.seconds,
        peak_memory=row.peak_memory,
        factor_bytes=row.factor_bytes,
        factors_digest=row.factors_digest,
        problem=row.problem,
    )
    return Run(
        run_id=row.run_id,
        kind=row.kind,
        experiment=row.experiment,
        name=row.name,
        dataset=row.dataset,
        recipe=Recipe(row.snapshot, row.code, row.fold, json.loads(row.parameters)),
        outcome=outcome,
        started_at=row.started_at,
        ended_at=row.ended_at,
        copy_of=row.copy_of,
    )


def _choice(row: Row[Any]) -> Choice:
    return Choice(
        choice_id=row.choice_id,
        experiment=row.experiment,
        snapshot=row.snapshot,
        run_id=row.run_id,
        rule=json.loads(row.rule),
        rationale=row.rationale,
        actor=row.actor,
        at=row.at,
    )
