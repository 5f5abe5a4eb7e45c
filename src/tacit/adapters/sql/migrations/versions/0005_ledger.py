"""The ledger of promotions, chained by digests, and what is said of versions after they were made."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ORIGIN = "0" * 64
MOVE = ("name", "kind", "from_number", "to_number", "actor", "forced", "reason", "at", "sequence")


def upgrade() -> None:
    create_seals()
    create_pins()
    create_prunings()
    create_origins()
    seal_what_is_there()
    refuse_changes("promotion_seals", "version_prunings", "version_origins")


def create_seals() -> None:
    op.create_table(
        "promotion_seals",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("gate", TEXT),
        sa.Column("signature", TEXT),
        sa.Column("digest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", "sequence", name="pk_promotion_seals"),
        sa.ForeignKeyConstraint(
            ["name", "sequence"], ["promotions.name", "promotions.sequence"], name="fk_promotion_seals_promotions"
        ),
        sa.CheckConstraint("(gate IS NULL) = (signature IS NULL)", name="ck_promotion_seals_evidence"),
        sqlite_strict=True,
    )


def create_pins() -> None:
    op.create_table(
        "version_pins",
        *of_a_version(),
        *(sa.Column(name, TEXT, nullable=False) for name in ("reason", "actor", "at")),
        *keys_of("version_pins"),
        sqlite_strict=True,
    )


def create_prunings() -> None:
    op.create_table(
        "version_prunings",
        *of_a_version(),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("freed_bytes", WHOLE_NUMBER, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        *keys_of("version_prunings"),
        sqlite_strict=True,
    )


def create_origins() -> None:
    op.create_table(
        "version_origins",
        *of_a_version(),
        sa.Column("origin_name", TEXT, nullable=False),
        sa.Column("origin_number", sa.Integer, nullable=False),
        sa.Column("manifest_digest", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        *keys_of("version_origins"),
        sqlite_strict=True,
    )
    op.create_index("ix_version_origins_name", "version_origins", ["name", "manifest_digest"])


def of_a_version() -> tuple[sa.Column[str], sa.Column[int]]:
    return sa.Column("name", TEXT, nullable=False), sa.Column("number", sa.Integer, nullable=False)


def keys_of(table: str) -> tuple[sa.Constraint, sa.Constraint]:
    return (
        sa.PrimaryKeyConstraint("name", "number", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["name", "number"], ["versions.name", "versions.number"], name=f"fk_{table}_versions"),
    )


def seal_what_is_there() -> None:
    """Chain the moves made so far as they stand now; that they name no evidence says that they were chained later."""
    columns = ", ".join(MOVE)
    moves = op.get_bind().execute(sa.text(f"SELECT {columns} FROM promotions ORDER BY name, sequence")).all()  # noqa: S608
    seal = sa.text("INSERT INTO promotion_seals (name, sequence, digest) VALUES (:name, :sequence, :digest)")
    digests: dict[str, str] = {}
    for move in moves:
        said = {**dict(zip(MOVE, move, strict=True)), "forced": bool(move.forced), "evidence": None}
        digest = hashlib.sha256((digests.get(move.name, ORIGIN) + canonical(said)).encode()).hexdigest()
        digests[move.name] = digest
        op.get_bind().execute(seal, {"name": move.name, "sequence": move.sequence, "digest": digest})


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def refuse_changes(*tables: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(
                f"CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in tables:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{act} BEFORE {act.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
