"""What the catalogue's door, and whoever follows it, ask of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, select, update

from tacit.adapters.sql.dialects import Incoming, insert_merging, insert_new, is_listed, listing
from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.tables import catalog_items, catalog_revision, catalog_users
from tacit.data.catalog_edits import Decide, Result
from tacit.data.catalog_entries import ItemChange, ItemEntry, Preferences, UserEntry

_SUBJECT = "items"
_ITEMS = select(catalog_items).where(is_listed(catalog_items.c.item_id, "ids"))
_USERS = select(catalog_users).where(is_listed(catalog_users.c.user_id, "ids"))


def _replaced(table: Table) -> Any:
    """An insert that puts a row in the place of the one whose key is there already."""

    def merged(incoming: Incoming) -> Mapping[str, ColumnElement[Any]]:
        return {column.name: incoming[column.name] for column in table.columns if not column.primary_key}

    return insert_merging(table, merged)


_PUT_ITEM = _replaced(catalog_items)
_PUT_USER = _replaced(catalog_users)


class SqlCatalogStore:
    """An `EditableCatalog` in the relational database.

    Every writer queues for the row of the revision, so that what one of them read is still so when it writes, and
    whoever reads a revision has seen every earlier one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def revision(self) -> int:
        with self._database.reading() as connection:
            return _revision(connection)

    @again_after_conflict()
    def put_items(self, entries: Sequence[ItemEntry]) -> int:
        with self._database.writing(queued=False) as connection:
            return _write_items(connection, entries, revision=_locked_revision(connection))

    @again_after_conflict()
    def edit_items(self, item_ids: Sequence[str], decide: Decide[ItemEntry, Result]) -> Result:
        with self._database.writing(queued=False) as connection:
            revision = _locked_revision(connection)
            before = {entry.item_id: entry for entry in _items(connection, item_ids)}
            entries, answer = decide(before)
            _write_items(connection, entries, revision=revision)
        return answer

    def items(self, item_ids: Sequence[str]) -> Sequence[ItemEntry]:
        with self._database.reading() as connection:
            return _items(connection, item_ids)

    def items_after(self, item_id: str, *, limit: int) -> Sequence[ItemEntry]:
        kept = catalog_items.c
        statement = select(catalog_items).where(kept.item_id > item_id, kept.deleted == 0)
        with self._database.reading() as connection:
            return [_item_of(row) for row in connection.execute(statement.order_by(kept.item_id).limit(limit))]

    def item_changes(self, after: int, *, limit: int) -> Sequence[ItemChange]:
        kept = catalog_items.c
        later = select(catalog_items).where(kept.revision > after).order_by(kept.revision, kept.item_id)
        last = select(kept.revision).where(kept.revision > after).order_by(kept.revision)
        with self._database.reading() as connection:
            cut = connection.scalar(last.offset(limit - 1).limit(1))
            rows = connection.execute(later if cut is None else later.where(kept.revision <= cut))
            return [ItemChange(row.revision, _item_of(row)) for row in rows]

    @again_after_conflict()
    def put_users(self, entries: Sequence[UserEntry]) -> None:
        with self._database.writing(queued=False) as connection:
            _locked_revision(connection)
            _write_users(connection, entries)

    @again_after_conflict()
    def edit_users(self, user_ids: Sequence[str], decide: Decide[UserEntry, Result]) -> Result:
        with self._database.writing(queued=False) as connection:
            _locked_revision(connection)
            before = {entry.user_id: entry for entry in _users(connection, user_ids)}
            entries, answer = decide(before)
            _write_users(connection, entries)
        return answer

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        with self._database.reading() as connection:
            return _users(connection, user_ids)

    def users_after(self, user_id: str, *, limit: int) -> Sequence[UserEntry]:
        kept = catalog_users.c.user_id
        statement = select(catalog_users).where(kept > user_id).order_by(kept).limit(limit)
        with self._database.reading() as connection:
            return [_user_of(row) for row in connection.execute(statement)]

    @again_after_conflict()
    def remove_users(self, user_ids: Sequence[str]) -> int:
        removal = delete(catalog_users).where(is_listed(catalog_users.c.user_id, "ids"))
        with self._database.writing(queued=False) as connection:
            _locked_revision(connection)
            return connection.execute(removal, {"ids": listing(user_ids)}).rowcount


def _revision(connection: Connection, *, is_locked: bool = False) -> int:
    statement = select(catalog_revision.c.revision).where(catalog_revision.c.subject == _SUBJECT)
    return connection.scalar(statement.with_for_update() if is_locked else statement) or 0


def _locked_revision(connection: Connection) -> int:
    """The revision, with every other writer waiting until this transaction is over."""
    connection.execute(insert_new(catalog_revision).values(subject=_SUBJECT, revision=0))
    return _revision(connection, is_locked=True)


def _write_items(connection: Connection, entries: Sequence[ItemEntry], *, revision: int) -> int:
    if not entries:
        return revision
    rows = {entry.item_id: {**_item_row(entry), "revision": revision + 1} for entry in entries}
    connection.execute(_PUT_ITEM, list(rows.values()))
    advanced = update(catalog_revision).where(catalog_revision.c.subject == bindparam("whose"))
    connection.execute(advanced.values(revision=revision + 1), {"whose": _SUBJECT})
    return revision + 1


def _write_users(connection: Connection, entries: Sequence[UserEntry]) -> None:
    rows = {entry.user_id: _user_row(entry) for entry in entries}
    if rows:
        connection.execute(_PUT_USER, list(rows.values()))


def _items(connection: Connection, item_ids: Sequence[str]) -> Sequence[ItemEntry]:
    rows = connection.execute(_ITEMS, {"ids": listing(item_ids)})
    # Sorted here: what is listed comes in whatever order the database finds it.
    return sorted((_item_of(row) for row in rows), key=lambda entry: entry.item_id)


def _users(connection: Connection, user_ids: Sequence[str]) -> Sequence[UserEntry]:
    rows = connection.execute(_USERS, {"ids": listing(user_ids)})
    return sorted((_user_of(row) for row in rows), key=lambda entry: entry.user_id)


def _item_row(entry: ItemEntry) -> dict[str, Any]:
    return {
        "item_id": entry.item_id,
        "title": entry.title,
        "categories": _text_of(entry.categories),
        "tags": _text_of(entry.tags),
        "labels": entry.labels,
        "available": int(entry.available),
        "expires_at_ms": entry.expires_at_ms,
        "deleted": int(entry.deleted),
        "updated_at_ms": entry.updated_at_ms,
    }


def _item_of(row: Row[Any]) -> ItemEntry:
    return ItemEntry(
        item_id=row.item_id,
        title=row.title,
        categories=_words_of(row.categories),
        tags=_words_of(row.tags),
        labels=row.labels,
        available=bool(row.available),
        expires_at_ms=row.expires_at_ms,
        deleted=bool(row.deleted),
        updated_at_ms=row.updated_at_ms,
    )


def _user_row(entry: UserEntry) -> dict[str, Any]:
    chosen = entry.preferences
    return {
        "user_id": entry.user_id,
        "labels": entry.labels,
        "item_ids": _text_of(chosen.item_ids),
        "categories": _text_of(chosen.categories),
        "moods": _text_of(chosen.moods),
        "updated_at_ms": entry.updated_at_ms,
    }


def _user_of(row: Row[Any]) -> UserEntry:
    chosen = (tuple(json.loads(words)) for words in (row.item_ids, row.categories, row.moods))
    return UserEntry(row.user_id, row.labels, Preferences(*chosen), row.updated_at_ms)


def _text_of(words: Sequence[str] | None) -> str | None:
    return None if words is None else json.dumps(words, ensure_ascii=False)


def _words_of(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))
