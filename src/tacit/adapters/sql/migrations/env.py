"""Runs the migrations on the connection, and in the transaction, that `open_database` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
