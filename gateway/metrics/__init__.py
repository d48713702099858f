"""What the gateway counts, in Prometheus' words. Few and honest: each is measured where it happens.

Counts that another part keeps (calls, media packets) are read when they are scraped, so that there
is one place that counts. Names and labels are kept: dashboards and alerts stand on them.

A label takes a value of a set that this program knows (a cause, a limit, a trunk), and never what
a client sends: each value is a series that lives for good.
"""

from gateway.metrics.quality import LegQuality
from gateway.metrics.readings import (
    Ports,
    Reading,
    RecordReading,
    TrunkReading,
    Use,
    WebhookReading,
)
from gateway.metrics.registry import Metrics

__all__ = [
    "LegQuality",
    "Metrics",
    "Ports",
    "Reading",
    "RecordReading",
    "TrunkReading",
    "Use",
    "WebhookReading",
]
