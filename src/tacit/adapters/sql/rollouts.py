"""What rollouts ask of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tacit.adapters.rollout_texts import rollout_of, rollout_text
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.rollout_tables import rollout_steps, rollouts
from tacit.errors import Refused
from tacit.rollout.rollouts import Rollout, RolloutStep, step_of


class SqlRolloutStore:
    """A `RolloutStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, rollout: Rollout) -> Rollout:
        with self._database.writing() as connection:
            others = select(rollouts.c.rollout_id).where(rollouts.c.name == rollout.name, rollouts.c.ended == 0)
            other = connection.scalar(others)
            if other is not None:
                raise taken(rollout.name, other)
            last = connection.scalar(select(func.max(rollouts.c.rollout_id))) or 0
            numbered = replace(rollout, rollout_id=last + 1)
            connection.execute(insert(rollouts).values(rollout_id=last + 1, name=rollout.name, **_row(numbered)))
            _add_step(connection, step_of(numbered))
        return numbered

    def move(self, rollout: Rollout, step: RolloutStep) -> None:
        is_next = (rollouts.c.rollout_id == rollout.rollout_id) & (rollouts.c.revision == rollout.revision - 1)
        with self._database.writing() as connection:
            if connection.execute(update(rollouts).where(is_next).values(**_row(rollout))).rowcount != 1:
                raise moved(rollout)
            _add_step(connection, step)

    def rollout(self, rollout_id: int) -> Rollout | None:
        return self._one(rollouts.c.rollout_id == rollout_id)

    def open_of(self, name: str) -> Rollout | None:
        return self._one((rollouts.c.name == name) & (rollouts.c.ended == 0))

    def rollouts(self, name: str, *, limit: int = 100) -> Sequence[Rollout]:
        question = select(rollouts.c.content).where(rollouts.c.name == name)
        latest = question.order_by(rollouts.c.rollout_id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [rollout_of(content) for content in connection.scalars(latest)]

    def history(self, rollout_id: int) -> Sequence[RolloutStep]:
        question = select(rollout_steps).where(rollout_steps.c.rollout_id == rollout_id)
        with self._database.reading() as connection:
            return [_step(row) for row in connection.execute(question.order_by(rollout_steps.c.revision))]

    def _one(self, condition: Any) -> Rollout | None:
        with self._database.reading() as connection:
            content = connection.scalar(select(rollouts.c.content).where(condition))
        return None if content is None else rollout_of(content)


def taken(name: str, other: int) -> Refused:
    """The refusal of a second rollout of one model."""
    return Refused(
        "traffic_taken",
        f"Rollout {other} of {name} is not over; two at once could not be told apart.",
        field="version",
        fix="Wait until it is over, or abort it.",
        context={"split_id": f"rollout-{other}"},
    )


def moved(rollout: Rollout) -> Refused:
    """The refusal of a step that does not follow the one kept."""
    return Refused(
        "rollout_moved",
        f"Rollout {rollout.rollout_id} is not where it was a moment ago.",
        field="rollout_id",
        fix="Look where it is now, and ask again if you still want that.",
    )


def _row(rollout: Rollout) -> dict[str, object]:
    return {
        "state": rollout.state,
        "ended": int(rollout.is_over),
        "revision": rollout.revision,
        "content": rollout_text(rollout),
    }


def _add_step(connection: Connection, step: RolloutStep) -> None:
    row = {
        "rollout_id": step.rollout_id,
        "revision": step.revision,
        "state": step.state,
        "stage": step.stage,
        "actor": step.actor,
        "at_ms": step.at_ms,
        "reasons": json.dumps(step.reasons),
        "findings": json.dumps(step.findings, sort_keys=True),
    }
    connection.execute(insert(rollout_steps).values(row))


def _step(row: Row[Any]) -> RolloutStep:
    return RolloutStep(
        rollout_id=row.rollout_id,
        revision=row.revision,
        state=row.state,
        stage=row.stage,
        actor=row.actor,
        at_ms=row.at_ms,
        reasons=tuple(json.loads(row.reasons)),
        findings=json.loads(row.findings),
    )
