"""The journeys of versions to users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WHOLE_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    create_rollouts()
    create_steps()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER rollout_steps_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON rollout_steps "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER rollout_steps_refuse_{act} BEFORE {act.upper()} ON rollout_steps "
            "BEGIN SELECT RAISE(ABORT, 'rollout_steps is append-only'); END"
        )


def create_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("rollout_id", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("ended", WHOLE_NUMBER, nullable=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.CheckConstraint("ended IN (0, 1)", name="ck_rollouts_ended"),
        sa.PrimaryKeyConstraint("rollout_id", name="pk_rollouts"),
        sqlite_strict=True,
    )
    op.create_index("ix_rollouts_name", "rollouts", ["name", "rollout_id"])


def create_steps() -> None:
    op.create_table(
        "rollout_steps",
        sa.Column("rollout_id", WHOLE_NUMBER, nullable=False, autoincrement=False),
        sa.Column("revision", WHOLE_NUMBER, nullable=False, autoincrement=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("state", "stage", "actor")),
        sa.Column("at_ms", WHOLE_NUMBER, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("reasons", "findings")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.rollout_id"], name="fk_rollout_steps_rollouts"),
        sa.PrimaryKeyConstraint("rollout_id", "revision", name="pk_rollout_steps"),
        sqlite_strict=True,
    )
