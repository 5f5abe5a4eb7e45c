"""What the registry asks of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from tacit.adapters.sql.dialects import insert_merging
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.ledger_tables import promotion_seals, version_origins, version_pins, version_prunings
from tacit.adapters.sql.tables import challengers, model_numbers, promotions, versions
from tacit.errors import Refused
from tacit.registry.chain import sealed
from tacit.registry.interfaces import pruned_refusal
from tacit.registry.versions import Evidence, LedgerEntry, Origin, Pin, Promotion, Pruning, Version

_VERSIONS = select(versions, version_prunings.c.at.label("pruned_at")).outerjoin(
    version_prunings,
    and_(version_prunings.c.name == versions.c.name, version_prunings.c.number == versions.c.number),
)
_LEDGER = select(promotions, promotion_seals.c.gate, promotion_seals.c.signature, promotion_seals.c.digest).outerjoin(
    promotion_seals,
    and_(promotion_seals.c.name == promotions.c.name, promotion_seals.c.sequence == promotions.c.sequence),
)


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
        question = _VERSIONS.where(versions.c.name == name, versions.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(question).one_or_none()
        return None if row is None else self._version(row)

    def versions(self, name: str) -> Sequence[Version]:
        question = _VERSIONS.where(versions.c.name == name).order_by(versions.c.number)
        with self._database.reading() as connection:
            return [self._version(row) for row in connection.execute(question)]

    def names(self) -> Sequence[str]:
        with self._database.reading() as connection:
            return sorted(connection.scalars(select(versions.c.name).distinct()))

    def promotions(self, name: str) -> Sequence[Promotion]:
        question = select(promotions).where(promotions.c.name == name).order_by(promotions.c.sequence)
        with self._database.reading() as connection:
            return [_promotion(row) for row in connection.execute(question)]

    def ledger(self, name: str) -> Sequence[LedgerEntry]:
        question = _LEDGER.where(promotions.c.name == name).order_by(promotions.c.sequence)
        with self._database.reading(patient=True) as connection:
            return [_entry(row) for row in connection.execute(question)]

    def promote(self, promotion: Promotion, *, expected: int | None, evidence: Evidence | None = None) -> LedgerEntry:
        with self._database.writing() as connection:
            last = _last_entry(connection, promotion.name)
            champion = None if last is None else last.promotion.to_number
            if champion != expected:
                raise Refused(
                    "alias_moved",
                    f"The champion of {promotion.name} is {champion}, no longer {expected}.",
                    field="champion",
                    fix="Look at the new champion, and ask again if you still want the change.",
                )
            if _is_pruned(connection, promotion.name, promotion.to_number):
                raise pruned_refusal(promotion.name, promotion.to_number)
            entry = sealed(promotion, evidence, last)
            _append(connection, entry)
        return entry

    def challenger(self, name: str) -> int | None:
        with self._database.reading() as connection:
            number: int | None = connection.scalar(select(challengers.c.number).where(challengers.c.name == name))
        return number

    def set_challenger(self, name: str, number: int | None) -> None:
        with self._database.writing() as connection:
            if number is not None and _is_pruned(connection, name, number):
                raise pruned_refusal(name, number)
            connection.execute(delete(challengers).where(challengers.c.name == name))
            if number is not None:
                connection.execute(insert(challengers).values(name=name, number=number))

    def pins(self, name: str) -> Sequence[Pin]:
        question = select(version_pins).where(version_pins.c.name == name).order_by(version_pins.c.number)
        with self._database.reading() as connection:
            return [Pin(**row) for row in connection.execute(question).mappings()]

    def pin(self, pin: Pin) -> None:
        merging = insert_merging(version_pins, lambda new: {key: new[key] for key in ("reason", "actor", "at")})
        with self._database.writing() as connection:
            if _is_pruned(connection, pin.name, pin.number):
                raise pruned_refusal(pin.name, pin.number)
            connection.execute(merging.values(asdict(pin)))

    def unpin(self, name: str, number: int) -> bool:
        gone = delete(version_pins).where(version_pins.c.name == name, version_pins.c.number == number)
        with self._database.writing() as connection:
            return bool(connection.execute(gone).rowcount)

    def prunings(self, name: str) -> Sequence[Pruning]:
        question = select(version_prunings).where(version_prunings.c.name == name).order_by(version_prunings.c.number)
        with self._database.reading() as connection:
            return [Pruning(**row) for row in connection.execute(question).mappings()]

    def mark_pruned(self, pruning: Pruning) -> bool:
        with self._database.writing() as connection:
            if _is_pruned(connection, pruning.name, pruning.number):
                return False
            connection.execute(insert(version_prunings).values(asdict(pruning)))
        return True

    def origins(self, name: str) -> Sequence[Origin]:
        question = select(version_origins).where(version_origins.c.name == name).order_by(version_origins.c.number)
        with self._database.reading() as connection:
            return [Origin(**row) for row in connection.execute(question).mappings()]

    def add_origin(self, origin: Origin) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(version_origins).values(asdict(origin)))

    def _version(self, row: Row[Any]) -> Version:
        return Version(
            name=row.name,
            number=row.number,
            manifest_digest=row.manifest_digest,
            verdict=row.verdict,
            created_at=row.created_at,
            folder=self._folder_of(row.name, row.number),
            pruned_at=row.pruned_at,
        )


def _last_entry(connection: Connection, name: str) -> LedgerEntry | None:
    """The last line of a model's ledger: it says who is champion, whichever kind it is."""
    question = _LEDGER.where(promotions.c.name == name).order_by(promotions.c.sequence.desc()).limit(1)
    row = connection.execute(question).one_or_none()
    return None if row is None else _entry(row)


def _append(connection: Connection, entry: LedgerEntry) -> None:
    """Write a move and what seals it."""
    promotion, place = entry.promotion, {"name": entry.promotion.name, "sequence": entry.sequence}
    connection.execute(insert(promotions).values({**asdict(promotion), **place, "forced": int(promotion.forced)}))
    evidence = {} if entry.evidence is None else asdict(entry.evidence)
    connection.execute(insert(promotion_seals).values({**place, **evidence, "digest": entry.digest}))


def _is_pruned(connection: Connection, name: str, number: int) -> bool:
    """Whether a version is kept as metadata alone; asked by whoever writes, so that nobody changes it meanwhile."""
    marked = exists().where(version_prunings.c.name == name, version_prunings.c.number == number)
    return bool(connection.scalar(select(marked)))


def _entry(row: Row[Any]) -> LedgerEntry:
    evidence = None if row.gate is None or row.signature is None else Evidence(row.gate, row.signature)
    return LedgerEntry(row.sequence, _promotion(row), evidence, row.digest or "")


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
