"""What hiding items, and whoever follows it, ask of the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select, update

from tacit.adapters.sql.dialects import insert_merging, insert_new, is_listed, listing
from tacit.adapters.sql.engine import Database, again_after_conflict
from tacit.adapters.sql.hiding_tables import hidden_items, hiding_users
from tacit.adapters.sql.tables import catalog_revision
from tacit.data.hiding import MOST_HIDDEN, HiddenItem, UserHides, too_many_hidden

_SUBJECT = "hides"
_PUT_USER = insert_merging(hiding_users, lambda incoming: {"revision": incoming["revision"]})
_OF_USERS = select(hidden_items.c.user_id, hidden_items.c.item_id).where(is_listed(hidden_items.c.user_id, "ids"))


class SqlHidingStore:
    """A `HidingStore` in the relational database.

    Every writer queues for the row of the revision, as those of the catalogue do for theirs, so that whoever reads a
    revision has seen every earlier one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_after_conflict()
    def hide(self, user_id: str, item_id: str, *, at_ms: int) -> bool:
        of_user = select(func.count()).select_from(hidden_items).where(hidden_items.c.user_id == user_id)
        with self._database.writing(queued=False) as connection:
            revision = _locked_revision(connection)
            if connection.scalar(of_user.where(hidden_items.c.item_id == item_id)):
                return False
            if (connection.scalar(of_user) or 0) >= MOST_HIDDEN:
                raise too_many_hidden()
            connection.execute(hidden_items.insert().values(user_id=user_id, item_id=item_id, at_ms=at_ms))
            _advance(connection, user_id, revision + 1)
        return True

    @again_after_conflict()
    def unhide(self, user_id: str, item_id: str) -> bool:
        kept = hidden_items.c
        with self._database.writing(queued=False) as connection:
            revision = _locked_revision(connection)
            removal = delete(hidden_items).where(kept.user_id == user_id, kept.item_id == item_id)
            if not connection.execute(removal).rowcount:
                return False
            _advance(connection, user_id, revision + 1)
        return True

    def hidden_by(self, user_id: str) -> Sequence[HiddenItem]:
        kept = hidden_items.c
        statement = select(kept.item_id, kept.at_ms).where(kept.user_id == user_id).order_by(kept.item_id)
        with self._database.reading() as connection:
            return [HiddenItem(row.item_id, row.at_ms) for row in connection.execute(statement)]

    def changes(self, after: int, *, limit: int) -> Sequence[UserHides]:
        kept = hiding_users.c
        later = select(hiding_users).where(kept.revision > after).order_by(kept.revision).limit(limit)
        with self._database.reading() as connection:
            revisions = {row.user_id: row.revision for row in connection.execute(later)}
            hidden: dict[str, set[str]] = {user_id: set() for user_id in revisions}
            if revisions:
                for row in connection.execute(_OF_USERS, {"ids": listing(revisions)}):
                    hidden[row.user_id].add(row.item_id)
        return [UserHides(revision, user_id, frozenset(hidden[user_id])) for user_id, revision in revisions.items()]


def _locked_revision(connection: Connection) -> int:
    """The revision, with every other writer waiting until this transaction is over."""
    connection.execute(insert_new(catalog_revision).values(subject=_SUBJECT, revision=0))
    statement = select(catalog_revision.c.revision).where(catalog_revision.c.subject == _SUBJECT)
    return connection.scalar(statement.with_for_update()) or 0


def _advance(connection: Connection, user_id: str, revision: int) -> None:
    connection.execute(_PUT_USER, [{"user_id": user_id, "revision": revision}])
    advanced = update(catalog_revision).where(catalog_revision.c.subject == _SUBJECT)
    connection.execute(advanced.values(revision=revision))
