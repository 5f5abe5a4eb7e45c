"""The schema, on one page; `migrations/` ends in exactly these tables, and a test holds it to that."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    event,
)
from sqlalchemy import Text as AnyText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")
"""Compared and sorted by its bytes everywhere, as SQLite does it; and no index breaks when a system sorts otherwise."""

Milliseconds = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER has 64 bits already, and its strict tables know no other word for it."""

WholeNumber = Milliseconds
"""A count, or a place in an order, that outgrows 32 bits."""

Fraction: Double[float] = Double().with_variant(REAL, "sqlite")
"""64 bits everywhere; PostgreSQL's REAL has only half of them."""

model_numbers = Table(
    "model_numbers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_number", Integer, nullable=False),
    comment="The last number given to each model, so that none is given twice.",
    sqlite_strict=True,
)

versions = Table(
    "versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("manifest_digest", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    CheckConstraint("verdict IN ('pass', 'fail', 'insufficient')", "verdict"),
    CheckConstraint("number >= 1", "number"),
    comment="Every version ever registered; append-only.",
    sqlite_strict=True,
)

promotions = Table(
    "promotions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("from_number", Integer),
    Column("to_number", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("forced", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
    ForeignKeyConstraint(["name", "to_number"], ["versions.name", "versions.number"]),
    CheckConstraint("kind IN ('promoted', 'rolled_back')", "kind"),
    CheckConstraint("forced IN (0, 1)", "forced"),
    comment="The ledger of what was champion when; append-only. The sequence of each model has no gaps.",
    sqlite_strict=True,
)

challengers = Table(
    "challengers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"]),
    comment="The version that is being tried against each champion, where there is one.",
    sqlite_strict=True,
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("digest", Text, nullable=False),
    comment="Who did what; append-only. Each digest covers the entry and the digest before it.",
    sqlite_strict=True,
)

exposures = Table(
    "exposures",
    metadata,
    Column("recommendation_id", Text, primary_key=True),
    Column("model_version", Text, nullable=False),
    Column("user_id", Text),
    Column("source", Text, nullable=False),
    Column("degraded", Integer, nullable=False),
    Column("item_ids", Text, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    CheckConstraint("degraded IN (0, 1)", "degraded"),
    Index(None, "at_ms"),
    comment="The lists that were shown.",
    sqlite_strict=True,
)

event_offset = Table(
    "event_offset",
    metadata,
    Column("log", Text, primary_key=True),
    Column("sequence", WholeNumber, nullable=False),
    Column("counted_to", WholeNumber, nullable=False),
    Column("turn", WholeNumber, nullable=False),
    comment="Up to where the log is applied, up to where it is accounted for, and the last turn given.",
    sqlite_strict=True,
)

applied_events = Table(
    "applied_events",
    metadata,
    Column("turn", WholeNumber, primary_key=True, autoincrement=False),
    Column("sequence", WholeNumber, nullable=False),
    Column("received_at_ms", Milliseconds, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Fraction),
    Column("occurred_at_ms", Milliseconds, nullable=False),
    Column("recommendation_id", Text),
    Column("properties", Text, nullable=False),
    Column("timed", Integer, nullable=False),
    Column("weight", WholeNumber, nullable=False),
    CheckConstraint("timed IN (0, 1)", "timed"),
    Index(None, "user_id", "turn"),
    comment="The events that had their effect, in the order in which they had it; weights in millionths.",
    sqlite_strict=True,
)

event_keys = Table(
    "event_keys",
    metadata,
    Column("event_key", WholeNumber, primary_key=True, autoincrement=False),
    Column("turn", WholeNumber, primary_key=True, autoincrement=False),
    comment="Where an applied event is found by its id: `id_keys.key_of` it; two ids may share a key.",
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

interactions = Table(
    "interactions",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("weight", WholeNumber, nullable=False),
    Column("events", WholeNumber, nullable=False),
    Column("last_at_ms", Milliseconds, nullable=False),
    Column("rating", Fraction),
    Column("rated_at_ms", Milliseconds),
    Column("rated_sequence", WholeNumber),
    comment="What each user's applied events with each item amount to; weights in millionths.",
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

event_quarantine = Table(
    "event_quarantine",
    metadata,
    Column("quarantine_id", WholeNumber, primary_key=True),
    Column("sequence", WholeNumber, nullable=False),
    Column("received_at_ms", Milliseconds, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("content", Text),
    Column("mended", Text),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", WholeNumber, nullable=False),
    CheckConstraint("state IN ('held', 'released', 'applied', 'repeated', 'purged')", "state"),
    Index(None, "event_id"),
    Index(None, "state", "quarantine_id"),
    comment="Events that may not have their effect, as ASCII so that any text can be kept; the settled ones stay.",
    sqlite_strict=True,
)

event_counts = Table(
    "event_counts",
    metadata,
    Column("source", Text, primary_key=True),
    Column("received", WholeNumber, nullable=False),
    Column("stored", WholeNumber, nullable=False),
    Column("deduplicated", WholeNumber, nullable=False),
    Column("quarantined", WholeNumber, nullable=False),
    Column("rejected", WholeNumber, nullable=False),
    CheckConstraint("received = stored + deduplicated + quarantined + rejected", "conserved"),
    comment="What became of each source's events.",
    sqlite_strict=True,
)

catalog_revision = Table(
    "catalog_revision",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    comment="The last write of the catalogue's items; whoever writes takes this row first.",
    sqlite_strict=True,
)

catalog_items = Table(
    "catalog_items",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("revision", WholeNumber, nullable=False),
    Column("title", Text),
    Column("categories", Text),
    Column("tags", Text),
    Column("labels", Text, nullable=False),
    Column("available", Integer, nullable=False),
    Column("expires_at_ms", Milliseconds),
    Column("deleted", Integer, nullable=False),
    Column("updated_at_ms", Milliseconds, nullable=False),
    CheckConstraint("available IN (0, 1)", "available"),
    CheckConstraint("deleted IN (0, 1)", "deleted"),
    Index(None, "revision", "item_id"),
    comment="What was said of items over the catalogue's door; removed ones stay, so that they stay removed.",
    sqlite_strict=True,
)

catalog_users = Table(
    "catalog_users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("labels", Text, nullable=False),
    Column("item_ids", Text, nullable=False),
    Column("categories", Text, nullable=False),
    Column("moods", Text, nullable=False),
    Column("updated_at_ms", Milliseconds, nullable=False),
    comment="What was said of users over the catalogue's door, and what they chose when asked.",
    sqlite_strict=True,
)

APPEND_ONLY = (versions, promotions, audit)
"""Tables whose rows are neither changed nor removed, not even by a mistake of our own."""

event.listen(
    metadata,
    "before_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME USING ERRCODE = '23000'; END $$"
    ).execute_if(dialect="postgresql"),
)


def refuse_changes(table: Table) -> None:
    """Have the database itself refuse to change or remove rows of a table."""
    for act in ("update", "delete"):
        event.listen(
            table,
            "after_create",
            DDL(  # type: ignore[no-untyped-call]
                f"CREATE TRIGGER {table.name}_refuse_{act} BEFORE {act.upper()} ON {table.name} "
                f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
            ).execute_if(dialect="sqlite"),
        )
    event.listen(
        table,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER {table.name}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ).execute_if(dialect="postgresql"),
    )


for each in APPEND_ONLY:
    refuse_changes(each)
