"""What the gateway counts, in Prometheus' words. Few and honest: each is measured where it happens.

Counts that another part keeps (calls, media packets) are read when they are scraped, so that there
is one place that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# From a local answer within milliseconds to a phone that rings for a minute
_SETUP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the other parts count, at one moment."""

    active: int
    capacity: int
    placed: int
    answered: int
    ended: Mapping[str, int]
    media: Mapping[str, int]


class Metrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge(
            "gateway_websocket_sessions", "Open WebSocket sessions", registry=self.registry
        )
        self.refused = Counter(
            "gateway_calls_refused",
            "Calls refused before an INVITE, by the name of the error",
            ["name"],
            registry=self.registry,
        )
        self.setup = Histogram(
            "gateway_call_setup_seconds",
            "From the `call` message to `answer`, `ringing` and `answered`",
            ["stage"],
            buckets=_SETUP_BUCKETS,
            registry=self.registry,
        )

    def watch(self, read: Callable[[], Reading]) -> None:
        """Add what `read` returns to every scrape."""
        self.registry.register(_Readings(read))

    def text(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Readings(Collector):
    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        now = self._read()
        yield GaugeMetricFamily("gateway_calls_active", "Calls in progress", value=now.active)
        yield GaugeMetricFamily(
            "gateway_calls_capacity",
            "Calls at a time that the SIP engine and the trunk allow",
            value=now.capacity,
        )
        yield CounterMetricFamily("gateway_calls_placed", "Calls placed", value=now.placed)
        yield CounterMetricFamily("gateway_calls_answered", "Calls answered", value=now.answered)
        yield _by_label("gateway_calls_ended", "Calls ended, by cause", "cause", now.ended)
        yield _by_label("gateway_media_events", "Packets and more, by event", "event", now.media)


def _by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
