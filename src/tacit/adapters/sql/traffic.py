"""What the plan of who meets which version asks of the database."""

from __future__ import annotations

from sqlalchemy import Connection, select

from tacit.adapters.rollout_texts import shadow_of, shadow_text, split_of, split_text
from tacit.adapters.sql.dialects import insert_merging
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.traffic_tables import traffic_plans
from tacit.adapters.traffic_claims import check_free, check_yours
from tacit.rollout.traffic import Shadow, Split, TrafficPlan


class SqlTrafficStore:
    """A `TrafficStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, name: str) -> TrafficPlan:
        with self._database.reading() as connection:
            return _plan(connection, name)

    def set_split(self, name: str, split: Split | None, *, split_id: str) -> TrafficPlan:
        check_yours(split, split_id)
        with self._database.writing() as connection:
            plan = _plan(connection, name)
            check_free(name, plan.split, split_id)
            return _kept(connection, name, TrafficPlan(plan.revision, split, plan.shadow), before=plan)

    def set_shadow(self, name: str, shadow: Shadow | None, *, split_id: str) -> TrafficPlan:
        check_yours(shadow, split_id)
        with self._database.writing() as connection:
            plan = _plan(connection, name)
            check_free(name, plan.shadow, split_id)
            return _kept(connection, name, TrafficPlan(plan.revision, plan.split, shadow), before=plan)


def _plan(connection: Connection, name: str) -> TrafficPlan:
    row = connection.execute(select(traffic_plans).where(traffic_plans.c.name == name)).one_or_none()
    return TrafficPlan() if row is None else TrafficPlan(row.revision, split_of(row.split), shadow_of(row.shadow))


def _kept(connection: Connection, name: str, plan: TrafficPlan, *, before: TrafficPlan) -> TrafficPlan:
    """Keep a plan under the next revision, unless it is the one kept."""
    if plan == before:
        return before
    after = TrafficPlan(before.revision + 1, plan.split, plan.shadow)
    row = {"revision": after.revision, "split": split_text(after.split), "shadow": shadow_text(after.shadow)}
    statement = insert_merging(traffic_plans, lambda incoming: {column: incoming[column] for column in row})
    connection.execute(statement.values(name=name, **row))
    return after
