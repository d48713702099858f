"""How the table of call records came to be what it is, step by step, by Alembic."""
