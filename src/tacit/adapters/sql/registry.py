"""What the registry asks of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from tacit.adapters.sql.dialects import insert_merging
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.tables import challengers, model_numbers, promotions, versions
from tacit.errors import Refused
from tacit.registry.versions import Promotion, Version


class SqlVersionStore:
    """A `VersionStore` in the relational database.

    Args:
        folder_of: Where a version's folder is; not stored, so that an installation can be moved.
    """

    def __init__(self, database: Database, folder_of: Callable[[str, int], Path]) -> None:
        self._database = database
        self._folder_of = folder_of

    def next_number(self, name: str) -> int:
        one_more = insert_merging(model_numbers, lambda _: {"last_number": model_numbers.c.last_number + 1})
        one_more = one_more.values(name=name, last_number=1)
        with self._database.writing() as connection:
            return int(connection.execute(one_more.returning(model_numbers.c.last_number)).scalar_one())

    def add(self, version: Version) -> None:
        row = {
            "name": version.name,
            "number": version.number,
            "manifest_digest": version.manifest_digest,
            "verdict": version.verdict,
            "created_at": version.created_at,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(versions).values(row))
        except IntegrityError as error:
            detail = f"{version.name}/{version.number} is registered already and never changes."
            raise Refused("version_immutable", detail, field="number") from error

    def version(self, name: str, number: int) -> Version | None:
        question = select(versions).where(versions.c.name == name, versions.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(question).one_or_none()
        return None if row is None else self._version(row)

    def versions(self, name: str) -> Sequence[Version]:
        question = select(versions).where(versions.c.name == name).order_by(versions.c.number)
        with self._database.reading() as connection:
            return [self._version(row) for row in connection.execute(question)]

    def names(self) -> Sequence[str]:
        with self._database.reading() as connection:
            return sorted(connection.scalars(select(versions.c.name).distinct()))

    def promotions(self, name: str) -> Sequence[Promotion]:
        question = select(promotions).where(promotions.c.name == name).order_by(promotions.c.sequence)
        with self._database.reading() as connection:
            return [_promotion(row) for row in connection.execute(question)]

    def promote(self, promotion: Promotion, *, expected: int | None) -> None:
        with self._database.writing() as connection:
            last = _last_promotion(connection, promotion.name)
            champion = None if last is None else last.to_number
            if champion != expected:
                raise Refused(
                    "alias_moved",
                    f"The champion of {promotion.name} is {champion}, no longer {expected}.",
                    field="champion",
                    fix="Look at the new champion, and ask again if you still want the change.",
                )
            row = {
                "sequence": 1 if last is None else last.sequence + 1,
                "name": promotion.name,
                "kind": promotion.kind,
                "from_number": promotion.from_number,
                "to_number": promotion.to_number,
                "actor": promotion.actor,
                "forced": int(promotion.forced),
                "reason": promotion.reason,
                "at": promotion.at,
            }
            connection.execute(insert(promotions).values(row))

    def challenger(self, name: str) -> int | None:
        with self._database.reading() as connection:
            number: int | None = connection.scalar(select(challengers.c.number).where(challengers.c.name == name))
        return number

    def set_challenger(self, name: str, number: int | None) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(challengers).where(challengers.c.name == name))
            if number is not None:
                connection.execute(insert(challengers).values(name=name, number=number))

    def _version(self, row: Row[Any]) -> Version:
        return Version(
            name=row.name,
            number=row.number,
            manifest_digest=row.manifest_digest,
            verdict=row.verdict,
            created_at=row.created_at,
            folder=self._folder_of(row.name, row.number),
        )


def _last_promotion(connection: Connection, name: str) -> Row[Any] | None:
    """The last line of a model's ledger: it says who is champion, whichever kind it is."""
    question = select(promotions).where(promotions.c.name == name).order_by(promotions.c.sequence.desc()).limit(1)
    return connection.execute(question).one_or_none()


def _promotion(row: Row[Any]) -> Promotion:
    return Promotion(
        name=row.name,
        kind=row.kind,
        from_number=row.from_number,
        to_number=row.to_number,
        actor=row.actor,
        forced=bool(row.forced),
        reason=row.reason,
        at=row.at,
    )
