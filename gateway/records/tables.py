"""The table of call records, as it is now. `migrations/` has how it came to be so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

from gateway.records.row import Leg, Row


class Moment(TypeDecorator[float]):
    """Seconds since the epoch here, a time in UTC there: SQLite knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:
        if value is None:
            return None
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return round(aware.timestamp(), 3)


LEGS = ("browser", "trunk_leg", "fallback_leg")
# A field of a leg is a column with its prefix
_LEG_TYPES: Mapping[str, type[Float[float]] | type[BigInteger]] = {
    "mos": Float,
    "loss": Float,
    "jitter_ms": Float,
    "rtt_ms": Float,
    "packets_received": BigInteger,
    "octets_received": BigInteger,
    "packets_sent": BigInteger,
    "octets_sent": BigInteger,
}

metadata = MetaData()

call_records = Table(
    "call_records",
    metadata,
    Column("id", String, primary_key=True),
    Column("node", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started", Moment, nullable=False),
    Column("ringing", Moment),
    Column("answered", Moment),
    Column("ended", Moment),
    Column("duration_ms", BigInteger, nullable=False),
    Column("from_number", String),
    Column("to_number", String, nullable=False),
    Column("fallback", String),
    Column("identity", String),
    Column("address", String),
    Column("origin", String),
    Column("session", String),
    Column("page_call", String),
    Column("trunk", String),
    Column("fallback_trunk", String),
    Column("redirected_to", String),
    Column("redirected_trunk", String),
    Column("sip_call_id", String),
    Column("codec_browser", String),
    Column("codec_trunk", String),
    Column("codec_fallback", String),
    Column("ended_by", String),
    Column("cause", String),
    Column("code", Integer),
    Column("reason", String),
    Column("rule", String),
    Column("cost", Float),
    *(
        Column(f"{leg}_{name}", kind, nullable=True)
        for leg in LEGS
        for name, kind in _LEG_TYPES.items()
    ),
    Column("heard_loss", Float),
    Column("heard_concealed", Float),
    Column("heard_jitter_ms", Float),
    Column("heard_rtt_ms", Float),
    Column("feedback_score", Integer),
    Column("feedback_issue", String),
    Column("holder_identity", String),
    Column("holder_address", String),
    Column("holder_session", String),
    # The order of pages, and what people look for most
    Index("call_records_by_start", "started", "id"),
    Index("call_records_by_to", "to_number", "started"),
    Index("call_records_by_from", "from_number", "started"),
    Index("call_records_by_identity", "identity", "started"),
)


def values_of(row: Row) -> dict[str, Any]:
    """Return the columns of a row."""
    values = {name: getattr(row, name) for name in Row.__struct_fields__ if name not in LEGS}
    for leg in LEGS:
        account: Leg = getattr(row, leg)
        values |= {f"{leg}_{name}": getattr(account, name) for name in _LEG_TYPES}
    return values


def row_from(found: Mapping[str, Any]) -> Row:
    """Return the row that has these columns."""
    values: dict[str, Any] = {
        name: found[name] for name in Row.__struct_fields__ if name not in LEGS
    }
    for leg in LEGS:
        values[leg] = Leg(**{name: found[f"{leg}_{name}"] for name in _LEG_TYPES})
    return Row(**values)
