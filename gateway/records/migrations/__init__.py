"""How the table of call records came to be what it is, step by step, by Alembic."""

VERSION_TABLE = "call_records_version"
"""A name of its own: the database may hold another program's tables, and their versions."""
