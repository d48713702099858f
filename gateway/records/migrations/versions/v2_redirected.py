"""Whom the far end of a call has handed its page over to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the number and its trunk."""
    for name in ("redirected_to", "redirected_trunk"):
        op.add_column("call_records", sa.Column(name, sa.String()))


def downgrade() -> None:
    """Forget them."""
    for name in ("redirected_to", "redirected_trunk"):
        op.drop_column("call_records", name)
