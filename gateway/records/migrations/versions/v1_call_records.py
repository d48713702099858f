"""The first table of call records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "call_records",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ringing", sa.DateTime(timezone=True)),
        sa.Column("answered", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_number", sa.String()),
        sa.Column("to_number", sa.String(), nullable=False),
        sa.Column("fallback", sa.String()),
        sa.Column("identity", sa.String()),
        sa.Column("address", sa.String()),
        sa.Column("origin", sa.String()),
        sa.Column("session", sa.String()),
        sa.Column("page_call", sa.String()),
        sa.Column("trunk", sa.String()),
        sa.Column("fallback_trunk", sa.String()),
        sa.Column("sip_call_id", sa.String()),
        sa.Column("codec_browser", sa.String()),
        sa.Column("codec_trunk", sa.String()),
        sa.Column("codec_fallback", sa.String()),
        sa.Column("ended_by", sa.String()),
        sa.Column("cause", sa.String()),
        sa.Column("code", sa.Integer()),
        sa.Column("reason", sa.String()),
        sa.Column("rule", sa.String()),
        sa.Column("cost", sa.Float()),
        sa.Column("browser_mos", sa.Float()),
        sa.Column("browser_loss", sa.Float()),
        sa.Column("browser_jitter_ms", sa.Float()),
        sa.Column("browser_rtt_ms", sa.Float()),
        sa.Column("browser_packets_received", sa.BigInteger()),
        sa.Column("browser_octets_received", sa.BigInteger()),
        sa.Column("browser_packets_sent", sa.BigInteger()),
        sa.Column("browser_octets_sent", sa.BigInteger()),
        sa.Column("trunk_leg_mos", sa.Float()),
        sa.Column("trunk_leg_loss", sa.Float()),
        sa.Column("trunk_leg_jitter_ms", sa.Float()),
        sa.Column("trunk_leg_rtt_ms", sa.Float()),
        sa.Column("trunk_leg_packets_received", sa.BigInteger()),
        sa.Column("trunk_leg_octets_received", sa.BigInteger()),
        sa.Column("trunk_leg_packets_sent", sa.BigInteger()),
        sa.Column("trunk_leg_octets_sent", sa.BigInteger()),
        sa.Column("fallback_leg_mos", sa.Float()),
        sa.Column("fallback_leg_loss", sa.Float()),
        sa.Column("fallback_leg_jitter_ms", sa.Float()),
        sa.Column("fallback_leg_rtt_ms", sa.Float()),
        sa.Column("fallback_leg_packets_received", sa.BigInteger()),
        sa.Column("fallback_leg_octets_received", sa.BigInteger()),
        sa.Column("fallback_leg_packets_sent", sa.BigInteger()),
        sa.Column("fallback_leg_octets_sent", sa.BigInteger()),
    )
    op.create_index("call_records_by_start", "call_records", ["started", "id"])
    for name in ("to", "from"):
        op.create_index(f"call_records_by_{name}", "call_records", [f"{name}_number", "started"])
    op.create_index("call_records_by_identity", "call_records", ["identity", "started"])


def downgrade() -> None:
    """Take it away, with all records."""
    op.drop_table("call_records")
