"""The metrics themselves, those that are counted here and those that are read from others."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from gateway.metrics.quality import LegQuality, QualityOfLegs
from gateway.metrics.readings import Reading, Readings

# From a local answer within milliseconds to a phone that rings for a minute
_SETUP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# From a wrong number to an hour, where the gateway's own default ends a call
_DURATION_BUCKETS = (1, 5, 10, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600)


_SCORES = (1, 2, 3, 4, 5)


class Metrics:
    """The gateway's metrics, in a registry of their own.

    Attributes
    ----------
    sessions
        WebSockets that are open.
    refused
        Calls refused before an INVITE, by the name of the error.
    setup
        Seconds from the `call` message, by stage.
    websockets_refused
        WebSockets that were not accepted or not welcomed, by reason.
    admission_refused
        Calls that admission said no to, by the rule that did.
    limits_reached
        Calls, WebSockets and messages that were too many, by the limit's name.
    preflights, preflights_refused, preflights_active
        Browsers that hear themselves, and call nobody.
    tokens_issued, tokens_refused
        Call tokens; those that were refused by reason.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._build = Info("gateway_build", "What runs here", registry=self.registry)
        self.describe_build(engine="unknown")
        self.sessions = Gauge(
            "gateway_websocket_sessions", "Open WebSocket sessions", registry=self.registry
        )
        Gauge("gateway_tasks", "Tasks of the event loop", registry=self.registry).set_function(
            _count_tasks
        )
        self._count_admission()
        self._count_preflights()
        self.setup = Histogram(
            "gateway_call_setup_seconds",
            "From the `call` message to `answer`, `ringing` and `answered`",
            ["stage"],
            buckets=_SETUP_BUCKETS,
            registry=self.registry,
        )
        self._durations = Histogram(
            "gateway_call_duration_seconds",
            "From the answer to the end, of calls that were answered",
            ["trunk"],
            buckets=_DURATION_BUCKETS,
            registry=self.registry,
        )
        self._feedback = Histogram(
            "gateway_feedback_score",
            "What people say of calls, 1 (bad) to 5; the first word on each call counts",
            buckets=_SCORES,
            registry=self.registry,
        )
        self._quality = QualityOfLegs(self.registry)

    def _count_admission(self) -> None:
        self.refused = self._counter(
            "gateway_calls_refused",
            "Calls refused before an INVITE, by the name of the error",
            "name",
        )
        self.websockets_refused = self._counter(
            "gateway_websockets_refused", "WebSockets refused, by reason", "reason"
        )
        self.admission_refused = self._counter(
            "gateway_admission_refused", "Calls that admission refused, by rule", "rule"
        )
        self.limits_reached = self._counter(
            "gateway_limits_reached", "What was refused because a limit was reached", "limit"
        )
        self.tokens_issued = self._counter("gateway_tokens_issued", "Call tokens issued")
        self.tokens_refused = self._counter(
            "gateway_tokens_refused", "Call tokens refused, by reason", "reason"
        )

    def _count_preflights(self) -> None:
        self.preflights = self._counter(
            "gateway_preflights", "Tests of a connection that have ended, by cause", "cause"
        )
        self.preflights_refused = self._counter(
            "gateway_preflights_refused",
            "Tests of a connection that did not begin, by the name of the error",
            "name",
        )
        self.preflights_active = Gauge(
            "gateway_preflights_active", "Tests of a connection now", registry=self.registry
        )

    def describe_build(self, *, engine: str) -> None:
        """Say what runs: our version, the SIP engine's name and version, Python's version."""
        self._build.info(
            {"version": _version(), "engine": engine, "python": platform.python_version()}
        )

    def expect(self, *, limits: Iterable[str] = (), trunks: Iterable[str] = ()) -> None:
        """Begin their series at 0: Prometheus takes one that begins at 1 for no increase."""
        for limit in limits:
            self.limits_reached.labels(limit)
        for trunk in trunks:
            self._durations.labels(trunk)

    def observe_duration(self, trunk: str, seconds: float) -> None:
        """Count a call that was answered and has ended, for the average call duration (ACD)."""
        self._durations.labels(trunk).observe(seconds)

    def observe_feedback(self, score: int) -> None:
        """Count what somebody says of a call."""
        self._feedback.observe(score)

    def observe_quality(self, leg: str, quality: LegQuality) -> None:
        """Count one interval of one leg (`browser` or `trunk`); what is not known is left out."""
        self._quality.observe(leg, quality)

    def watch(self, read: Callable[[], Reading]) -> None:
        """Add what `read` returns to every scrape."""
        self.registry.register(Readings(read))

    def text(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


def _count_tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # nothing runs yet
        return 0


def _version() -> str:
    try:
        return version("webrtc-sip-gateway")
    except PackageNotFoundError:  # run from sources that nobody has installed
        return "unknown"
