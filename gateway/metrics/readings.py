"""What other parts count and the metrics only read, at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# What is counted by the media plane but goes down again
_OPEN_SESSIONS = "sessions"

NO_ANSWER = "none"
"""The code of a call whose INVITE got no final answer from the trunk at all."""


@dataclass(frozen=True, slots=True)
class TrunkReading:
    """What is counted of one trunk's calls.

    `answers` are the trunk's own final answers to our INVITEs by status, "200" among them, and
    `NO_ANSWER` for each call whose trunk did not answer. A call that we cancel counts as the 487
    that the trunk ends it with.
    """

    active: int = 0
    capacity: int = 0
    placed: int = 0
    answered: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)  # by cause
    answers: Mapping[str, int] = field(default_factory=dict)
    up: bool | None = None  # None while nobody has asked


@dataclass(frozen=True, slots=True)
class Ports:
    """The UDP ports of the trunks' audio; a call takes two."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class WebhookReading:
    """Events to the operator's server; `failed` are attempts, `shut` is that it wants none."""

    sent: int
    failed: int
    lost: int
    waiting: int
    dead: int
    shut: bool


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used up now."""

    used: float
    allowed: float


@dataclass(frozen=True, slots=True)
class RecordReading:
    """Records of calls: in the database, on the way to it, and lost; whether it takes them now.

    `skipped` are refused calls that were too many for a record each.
    """

    written: int
    queued: int
    lost: int
    up: bool
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the other parts count, at one moment. None stands for what nobody knows."""

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
    stray_answers: int = 0  # descriptions of trunks that answered nothing
    received: int = 0  # calls from trunks, of which the counts above know nothing
    accepted: int = 0
    received_ended: Mapping[str, int] = field(default_factory=dict)  # by cause
    registered: int = 0  # pages that may be rung
    sessions_detached: int = 0  # without a WebSocket now
    sessions_resumed: int = 0
    sessions_expired: int = 0
    trunks: Mapping[str, TrunkReading] = field(default_factory=dict)  # by name
    capacities: Mapping[str, int] = field(default_factory=dict)  # by part, such as "engine"
    last_answered: float | None = None  # seconds since then
    ports: Ports | None = None
    ready: bool = True
    draining: bool = False
    admitting: bool = True  # False while the kill switch is on
    blocks: int = 0  # in force
    webhooks: WebhookReading | None = None  # None without any
    limits: Mapping[str, Use] = field(default_factory=dict)  # the gateway's own, by name
    records: RecordReading | None = None  # None where none are kept


class Readings(Collector):
    """Turns each reading into Prometheus' families."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        now = self._read()
        yield from _calls(now)
        yield from _trunks(now.trunks)
        yield from _media(now)
        yield from _state(now)
        yield from _limits(now.limits)
        if now.webhooks is not None:
            yield from _webhooks(now.webhooks)
        yield from _sessions(now)
        if now.records is not None:
            yield from _records(now.records)
        yield CounterMetricFamily(
            "gateway_sdp_lines_dropped",
            "Lines of trunks' descriptions that could not be read, and did not matter",
            value=now.lines_dropped,
        )
        yield CounterMetricFamily(
            "gateway_sdp_stray_answers",
            "Descriptions that trunks have sent in an ACK though nothing was left to answer",
            value=now.stray_answers,
        )
        yield _counts(
            "gateway_sip_strangers",
            "SIP requests that belong to no call of ours, by method and answer",
            ("method", "answer"),
            now.strangers.items(),
        )


def _calls(now: Reading) -> Iterator[Metric]:
    yield GaugeMetricFamily("gateway_calls_active", "Calls in progress", value=now.active)
    yield GaugeMetricFamily(
        "gateway_calls_capacity",
        "Calls at a time that the gateway can carry: the least of what its parts can",
        value=now.capacity,
    )
    yield _gauges(
        "gateway_part_capacity",
        "Calls at a time that each part can carry",
        "part",
        now.capacities.items(),
    )
    yield CounterMetricFamily("gateway_calls_placed", "Calls placed", value=now.placed)
    yield CounterMetricFamily("gateway_calls_answered", "Calls answered", value=now.answered)
    yield _by_label("gateway_calls_ended", "Calls ended, by cause", "cause", now.ended)
    yield CounterMetricFamily(
        "gateway_calls_received", "Calls from trunks, refused ones too", value=now.received
    )
    yield CounterMetricFamily(
        "gateway_calls_received_answered", "Calls from trunks, answered", value=now.accepted
    )
    yield _by_label(
        "gateway_calls_received_ended",
        "Calls from trunks ended, by cause",
        "cause",
        now.received_ended,
    )
    yield GaugeMetricFamily(
        "gateway_pages_registered", "Pages that calls from trunks may ring", value=now.registered
    )
    yield _known(
        "gateway_last_answered_age_seconds",
        "Since a call was answered; none before the first",
        now.last_answered,
    )


def _sessions(now: Reading) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "gateway_sessions_detached",
        "Sessions that wait for a client whose WebSocket was lost",
        value=now.sessions_detached,
    )
    yield CounterMetricFamily(
        "gateway_sessions_resumed",
        "Sessions that went on by another WebSocket",
        value=now.sessions_resumed,
    )
    yield CounterMetricFamily(
        "gateway_sessions_expired",
        "Sessions whose client did not come back in time",
        value=now.sessions_expired,
    )


def _trunks(trunks: Mapping[str, TrunkReading]) -> Iterator[Metric]:
    each = sorted(trunks.items())
    yield _gauges(
        "gateway_trunk_up",
        "1 while the trunk answers, 0 while it does not; none while nobody has asked",
        "trunk",
        ((name, trunk.up) for name, trunk in each if trunk.up is not None),
    )
    yield _gauges(
        "gateway_trunk_calls_active",
        "Calls in progress, by trunk",
        "trunk",
        ((name, trunk.active) for name, trunk in each),
    )
    yield _gauges(
        "gateway_trunk_calls_capacity",
        "Calls at a time that the trunk takes",
        "trunk",
        ((name, trunk.capacity) for name, trunk in each),
    )
    yield _by_label(
        "gateway_trunk_calls_placed",
        "Calls placed, by trunk",
        "trunk",
        {name: trunk.placed for name, trunk in each},
    )
    yield _by_label(
        "gateway_trunk_calls_answered",
        "Calls answered, by trunk",
        "trunk",
        {name: trunk.answered for name, trunk in each},
    )
    yield _counts(
        "gateway_trunk_calls_ended",
        "Calls ended, by trunk and cause",
        ("trunk", "cause"),
        (((name, cause), n) for name, trunk in each for cause, n in trunk.ended.items()),
    )
    yield _counts(
        "gateway_trunk_final_answers",
        f'Final answers to INVITEs, by trunk and SIP status; "{NO_ANSWER}" where none came',
        ("trunk", "code"),
        (((name, code), n) for name, trunk in each for code, n in trunk.answers.items()),
    )


def _media(now: Reading) -> Iterator[Metric]:
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
    ports = now.ports
    yield _known(
        "gateway_media_ports", "UDP ports for trunks", None if ports is None else ports.total
    )
    yield _known(
        "gateway_media_ports_free",
        "UDP ports for trunks that no call holds, and none that has just ended",
        None if ports is None else ports.free,
    )


def _state(now: Reading) -> Iterator[Metric]:
    yield GaugeMetricFamily("gateway_ready", "1 while a call can be placed", value=now.ready)
    yield GaugeMetricFamily(
        "gateway_draining", "1 while the gateway goes out of service", value=now.draining
    )
    yield GaugeMetricFamily(
        "gateway_admission_open", "0 while the kill switch is on", value=now.admitting
    )
    yield GaugeMetricFamily(
        "gateway_admission_blocks",
        "Addresses, origins, identities and numbers that are blocked",
        value=now.blocks,
    )


def _limits(limits: Mapping[str, Use]) -> Iterator[Metric]:
    each = sorted(limits.items())
    yield _gauges(
        "gateway_limit_used",
        "How much of a limit of the whole gateway is used",
        "limit",
        ((name, use.used) for name, use in each),
    )
    yield _gauges(
        "gateway_limit_allowed",
        "How much a limit of the whole gateway allows",
        "limit",
        ((name, use.allowed) for name, use in each),
    )


def _records(records: RecordReading) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "gateway_records_written", "Call records in the database", value=records.written
    )
    yield GaugeMetricFamily(
        "gateway_records_queued", "Call records that wait for the database", value=records.queued
    )
    yield CounterMetricFamily(
        "gateway_records_lost",
        "Call records that neither disk nor database had room for",
        value=records.lost,
    )
    yield CounterMetricFamily(
        "gateway_records_skipped",
        "Refused calls that were too many for a record each",
        value=records.skipped,
    )
    yield GaugeMetricFamily(
        "gateway_records_up", "0 while the database or the spool takes no records", value=records.up
    )


def _webhooks(now: WebhookReading) -> Iterator[Metric]:
    yield CounterMetricFamily("gateway_webhooks_sent", "Webhooks that were taken", value=now.sent)
    yield CounterMetricFamily(
        "gateway_webhooks_failed", "Attempts to send a webhook that have failed", value=now.failed
    )
    yield CounterMetricFamily(
        "gateway_webhooks_lost", "Webhooks for which there was no room", value=now.lost
    )
    yield GaugeMetricFamily(
        "gateway_webhooks_waiting", "Webhooks that have not been taken yet", value=now.waiting
    )
    yield GaugeMetricFamily(
        "gateway_webhooks_dead", "Webhooks that are not sent any more", value=now.dead
    )
    yield GaugeMetricFamily(
        "gateway_webhooks_gone", "1 while none is sent, after 410 Gone", value=now.shut
    )


def _known(name: str, text: str, value: float | None) -> Metric:
    """Make a gauge, without a sample while nothing is known."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in sorted(values):
        family.add_metric([value], number)
    return family


def _by_label(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    return _counts(name, text, (label,), (((value,), n) for value, n in counts.items()))


def _counts(
    name: str,
    text: str,
    labels: tuple[str, ...],
    counts: Iterable[tuple[tuple[str, ...], int]],
) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts):
        family.add_metric(values, count)
    return family
