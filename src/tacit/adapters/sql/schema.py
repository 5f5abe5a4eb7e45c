"""How the schema comes to be what this release needs, from nothing or from an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tacit.errors import Misconfigured

_MIGRATIONS = Path(__file__).parent / "migrations"


def revision_of(connection: Connection, known: Sequence[str]) -> str | None:
    """The schema's revision, `None` for an empty database.

    Args:
        connection: Where to look.
        known: The revisions of this release, oldest first.

    Raises:
        Misconfigured: `schema_newer`.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision not in known:
        raise Misconfigured(
            "schema_newer",
            f"The database has the schema {ascii(revision)[:64]}, this release knows up to {known[-1]}.",
            field="database",
            fix="Start the release that wrote it, or restore a backup from before the upgrade.",
        )
    return revision


def upgrade(connection: Connection) -> None:
    """Bring the schema up to date, in the connection's transaction."""
    # Alembic takes long to import and is needed once in a database's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
