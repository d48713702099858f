"""Who has a call, where that is another one than who began it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

_NAMES = ("holder_identity", "holder_address", "holder_session")


def upgrade() -> None:
    """Add who it is."""
    for name in _NAMES:
        op.add_column("call_records", sa.Column(name, sa.String()))


def downgrade() -> None:
    """Forget them."""
    for name in _NAMES:
        op.drop_column("call_records", name)
