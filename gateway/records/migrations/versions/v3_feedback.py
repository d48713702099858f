"""How the page's browser has heard a call, and what its person says of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_COLUMNS: dict[str, type[sa.Float[float]] | type[sa.Integer] | type[sa.String]] = {
    "heard_loss": sa.Float,
    "heard_concealed": sa.Float,
    "heard_jitter_ms": sa.Float,
    "heard_rtt_ms": sa.Float,
    "feedback_score": sa.Integer,
    "feedback_issue": sa.String,
}


def upgrade() -> None:
    """Add them."""
    for name, kind in _COLUMNS.items():
        op.add_column("call_records", sa.Column(name, kind()))


def downgrade() -> None:
    """Forget them."""
    for name in _COLUMNS:
        op.drop_column("call_records", name)
