"""Whether call records can be kept: PostgreSQL is asked, and the spool's folder looked at.

A file of SQLite's is looked at with the other files.
"""

from __future__ import annotations

from gateway.check.files import unwritable
from gateway.check.finding import Finding
from gateway.config import RecordSettings
from gateway.errors import UnavailableError


async def examine(records: RecordSettings) -> list[Finding]:
    """Try the database, changing nothing in it."""
    if not records.kept:
        return []
    key, file = "records.spool", records.spool_file
    why = unwritable(file)
    found = [] if why is None else [Finding(False, f"{key} = '{file}': {why}")]
    return [*found, await _ask(records)] if records.is_postgresql else found


async def _ask(records: RecordSettings) -> Finding:
    # They load SQLAlchemy and all of media, which few configurations need
    from gateway.recording import password_of
    from gateway.records.database import Database

    database = Database(records.database, password_of(records))
    key = f"records.database = '{database.name}'"
    try:
        why = await database.examine()
    except UnavailableError as error:
        return Finding(False, f"{key}: {str(error).rpartition(f'{database.name}: ')[2]}")
    finally:
        await database.close()
    return Finding(False, f"{key}: {why}") if why else Finding(True, f"{key}: can be written")
