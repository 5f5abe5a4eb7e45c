"""Tables of blocks, of the switch of strict mode, and of the trail of accesses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "guarding",
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "value")),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_guarding"),
        sqlite_strict=True,
    )
    _blocks()
    _accesses()
    op.create_table(
        "subject_keys",
        *(sa.Column(name, TEXT, nullable=False) for name in ("user_id", "key")),
        sa.PrimaryKeyConstraint("user_id", name="pk_subject_keys"),
        sqlite_strict=True,
    )


def _blocks() -> None:
    op.create_table(
        "blocks",
        *(sa.Column(name, TEXT, nullable=False) for name in ("block_id", "caller", "reason", "source", "made_by")),
        *(sa.Column(name, WHOLE_NUMBER, nullable=False) for name in ("at_ms", "until_ms", "level")),
        *(sa.Column(name, TEXT, nullable=False) for name in ("appeal", "review", "reviewed_by")),
        sa.Column("lifted_at_ms", WHOLE_NUMBER),
        sa.CheckConstraint("source IN ('manual', 'automatic')", name="ck_blocks_source"),
        sa.PrimaryKeyConstraint("block_id", name="pk_blocks"),
        sqlite_strict=True,
    )
    op.create_index("ix_blocks_until_ms", "blocks", ["until_ms"])
    op.create_index("ix_blocks_caller", "blocks", ["caller", "at_ms"])


def _accesses() -> None:
    op.create_table(
        "accesses",
        sa.Column("sequence", WHOLE_NUMBER, autoincrement=False, nullable=False),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("kind", "method", "route", "principal", "client", "subject", "decision")
        ),
        sa.Column("status", WHOLE_NUMBER, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("request_id", "body_digest", "facts", "digest")),
        sa.PrimaryKeyConstraint("sequence", name="pk_accesses"),
        sqlite_strict=True,
    )
    op.create_index("ix_accesses_subject", "accesses", ["subject", "sequence"])
    op.create_index("ix_accesses_principal", "accesses", ["principal", "sequence"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER accesses_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON accesses "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER accesses_refuse_{act} BEFORE {act.upper()} ON accesses "
            "BEGIN SELECT RAISE(ABORT, 'accesses is append-only'); END"
        )
