"""What A/B tests ask of the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from tacit.adapters.sql.ab_tables import ab_tests
from tacit.adapters.sql.engine import Database
from tacit.rollout.ab import AbPlan, AbState, AbTest, moved_meanwhile
from tacit.rollout.ab_plans import plan_as_dict, plan_of


class SqlAbStore:
    """An `AbStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, plan: AbPlan, *, created_at_ms: int) -> AbTest:
        with self._database.writing() as connection:
            last = connection.scalar(select(func.max(ab_tests.c.number))) or 0
            test = AbTest(last + 1, name, plan, created_at_ms)
            values = {"number": test.number, "name": name, "plan": json.dumps(plan_as_dict(plan)), **_changing(test)}
            connection.execute(insert(ab_tests).values(created_at_ms=created_at_ms, **values))
        return test

    def test(self, number: int) -> AbTest | None:
        with self._database.reading() as connection:
            row = connection.execute(select(ab_tests).where(ab_tests.c.number == number)).one_or_none()
        return None if row is None else _test(row)

    def tests(self, name: str, *, state: AbState | None = None) -> Sequence[AbTest]:
        statement = select(ab_tests).where(ab_tests.c.name == name).order_by(ab_tests.c.number.desc())
        if state is not None:
            statement = statement.where(ab_tests.c.state == state)
        with self._database.reading() as connection:
            return [_test(row) for row in connection.execute(statement)]

    def move(self, test: AbTest, *, expected: AbState) -> None:
        there = update(ab_tests).where(ab_tests.c.number == test.number, ab_tests.c.state == expected)
        with self._database.writing() as connection:
            if connection.execute(there.values(_changing(test))).rowcount != 1:
                raise moved_meanwhile(test.number, expected)


def _changing(test: AbTest) -> dict[str, Any]:
    return {name: getattr(test, name) for name in ("state", "reason", "started_at_ms", "ended_at_ms")}


def _test(row: Row[Any]) -> AbTest:
    plan = plan_of(json.loads(row.plan))
    return AbTest(
        row.number, row.name, plan, row.created_at_ms, row.state, row.reason, row.started_at_ms, row.ended_at_ms
    )
