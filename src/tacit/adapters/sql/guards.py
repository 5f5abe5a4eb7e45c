"""What blocks and the switch of strict mode ask of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tacit.adapters.sql.dialects import insert_new
from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.guard_tables import blocks, guarding
from tacit.security.blocks import Block, Guarding

_STRICT = "strict"
_MOST = 10_000
"""Blocks that hold at once, the latest ones; what every process keeps in memory is bounded by it."""


class SqlGuardStore:
    """A `GuardStore` in the relational database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        with self._database.reading() as connection:
            return connection.scalar(select(guarding.c.revision).where(guarding.c.name == _STRICT)) or 0

    def guarding(self, now_ms: int) -> Guarding:
        holding = select(blocks).where(blocks.c.until_ms > now_ms, blocks.c.lifted_at_ms.is_(None))
        with self._database.reading() as connection:
            switch = connection.execute(select(guarding).where(guarding.c.name == _STRICT)).one_or_none()
            found = connection.execute(holding.order_by(blocks.c.at_ms.desc()).limit(_MOST)).all()
        if switch is None:
            return Guarding(0)
        return Guarding(switch.revision, switch.value == "on", tuple(_block(row) for row in found))

    @again_after_conflict()
    def set_strict(self, is_strict: bool) -> bool:
        value = "on" if is_strict else "off"
        with self._database.writing() as connection:
            before = connection.scalar(select(guarding.c.value).where(guarding.c.name == _STRICT)) or "off"
            if before != value:
                _changed(connection, value)
        return before != value

    @again_after_conflict()
    def add(self, block: Block) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(blocks).values(_values(block)))
            _changed(connection)

    @again_after_conflict()
    def change(self, block: Block) -> None:
        with self._database.writing() as connection:
            connection.execute(update(blocks).where(blocks.c.block_id == block.block_id).values(_values(block)))
            _changed(connection)

    def block(self, block_id: str) -> Block | None:
        with self._database.reading() as connection:
            row = connection.execute(select(blocks).where(blocks.c.block_id == block_id)).one_or_none()
        return None if row is None else _block(row)

    def blocks(self, *, limit: int, holding_at_ms: int | None = None) -> Sequence[Block]:
        asked = select(blocks).order_by(blocks.c.at_ms.desc(), blocks.c.block_id).limit(limit)
        if holding_at_ms is not None:
            asked = asked.where(blocks.c.until_ms > holding_at_ms, blocks.c.lifted_at_ms.is_(None))
        with self._database.reading() as connection:
            return [_block(row) for row in connection.execute(asked)]

    def count_since(self, caller: str, at_ms: int) -> int:
        asked = select(func.count()).where(
            blocks.c.caller == caller, blocks.c.at_ms >= at_ms, blocks.c.source == "automatic"
        )
        with self._database.reading() as connection:
            return connection.scalar(asked) or 0


def _changed(connection: Connection, value: str | None = None) -> None:
    """Let every process see that something is different."""
    connection.execute(insert_new(guarding).values(name=_STRICT, value="off", revision=0))
    raised: Mapping[str, Any] = {"revision": guarding.c.revision + 1}
    chosen = raised if value is None else {**raised, "value": value}
    connection.execute(update(guarding).where(guarding.c.name == _STRICT).values(chosen))


def _values(block: Block) -> Mapping[str, object]:
    return {
        "block_id": block.block_id,
        "caller": block.caller,
        "reason": block.reason,
        "source": block.source,
        "made_by": block.by,
        "at_ms": block.at_ms,
        "until_ms": block.until_ms,
        "level": block.level,
        "appeal": block.appeal,
        "review": block.review,
        "reviewed_by": block.reviewed_by,
        "lifted_at_ms": block.lifted_at_ms,
    }


def _block(row: Row[Any]) -> Block:
    said = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it
    return Block(by=said.pop("made_by"), **said)
