"""What Alembic runs for each upgrade, on a connection that has its transaction and its lock."""

from __future__ import annotations

from alembic import context

from gateway.records.migrations import VERSION_TABLE
from gateway.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
