"""What the gateway counts, in Prometheus' words. Few and honest: each is measured where it happens.

Counts that another part keeps (calls, media packets) are read when they are scraped, so that there
is one place that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# From a local answer within milliseconds to a phone that rings for a minute
_SETUP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# Text and upper bounds of what is known of a leg. Of the MOS, the bounds of ITU-T G.107 annex B
# between bad and very satisfied; of the others, from a wire to what a person no longer bears
_QUALITY: dict[str, tuple[str, tuple[float, ...]]] = {
    "mos": ("Mean opinion score by the E-model", (1.5, 2.0, 2.58, 3.1, 3.6, 3.8, 4.03, 4.2, 4.34)),
    "loss_ratio": ("Packets lost, 0 to 1", (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)),
    "jitter_seconds": ("Interarrival jitter", (0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)),
    "rtt_seconds": ("Round trip", (0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0)),
}

_LEGS = ("browser", "trunk")

# What is counted by the media plane but goes down again
_OPEN_SESSIONS = "sessions"


class LegQuality(Protocol):
    """One leg of a call in its last interval; None where nothing is known."""

    @property
    def mos(self) -> float | None: ...
    @property
    def loss(self) -> float: ...
    @property
    def jitter_ms(self) -> float: ...
    @property
    def rtt_ms(self) -> float | None: ...
    @property
    def packets(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What the other parts count, at one moment."""

    active: int
    capacity: int
    placed: int
    answered: int
    ended: Mapping[str, int]
    media: Mapping[str, int]
    media_load: float
    overloaded: bool
    strangers: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by method and answer
    lines_dropped: int = 0  # of trunks' descriptions


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

        quality = {
            name: Histogram(
                f"gateway_leg_{name}",
                f"{text}, of each leg and interval of two seconds",
                ["leg"],
                buckets=buckets,
                registry=self.registry,
            )
            for name, (text, buckets) in _QUALITY.items()
        }
        # Looked up once: every call observes eight values every two seconds
        self._quality = {
            leg: {name: each.labels(leg) for name, each in quality.items()} for leg in _LEGS
        }

    def observe_quality(self, leg: str, quality: LegQuality) -> None:
        """Count one interval of one leg (`browser` or `trunk`); what is not known is left out."""
        into = self._quality[leg]
        if quality.mos is not None:
            into["mos"].observe(quality.mos)
        if quality.packets or quality.loss:
            into["loss_ratio"].observe(quality.loss)
        if quality.packets:
            into["jitter_seconds"].observe(quality.jitter_ms / 1000)
        if quality.rtt_ms is not None:
            into["rtt_seconds"].observe(quality.rtt_ms / 1000)

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
        media = dict(now.media)
        yield GaugeMetricFamily(
            "gateway_media_sessions", "Open media sessions", value=media.pop(_OPEN_SESSIONS, 0)
        )
        yield GaugeMetricFamily(
            "gateway_media_load",
            "Share of its time that the busiest media thread works, 0 to 1",
            value=now.media_load,
        )
        yield GaugeMetricFamily(
            "gateway_media_overloaded",
            "1 while no call is taken because the media clock has no time for it",
            value=now.overloaded,
        )
        yield _by_label("gateway_media_events", "Packets and more, by event", "event", media)
        yield CounterMetricFamily(
            "gateway_sdp_lines_dropped",
            "Lines of trunks' descriptions that could not be read, and did not matter",
            value=now.lines_dropped,
        )
        strangers = CounterMetricFamily(
            "gateway_sip_strangers",
            "SIP requests that belong to no call or trunk of ours, by method and answer",
            labels=["method", "answer"],
        )
        for labels, count in sorted(now.strangers.items()):
            strangers.add_metric(labels, count)
        yield strangers


def _by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
