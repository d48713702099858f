"""What every session shares: the calls, the dial plan, the limits and the metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from gateway.admission.gate import Gate
from gateway.admission.grant import Visitor
from gateway.admission.limits import LIMITS
from gateway.admission.turn import IceService
from gateway.calls.directory import Directory
from gateway.errors import ForbiddenError, GatewayError, LimitError, TokenError
from gateway.metrics import (
    Metrics,
    Ports,
    Reading,
    RecordReading,
    TrunkReading,
    Use,
    WebhookReading,
)
from gateway.signaling.draining import Draining
from gateway.signaling.messages.client import MAX_FRAME
from gateway.signaling.seam import CallRegistry, Records, Webhooks
from gateway.signaling.sessions import Sessions

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one WebSocket may take up; times in seconds."""

    # A page sends it as soon as the socket is open; what does not is no client of ours
    hello: float = 5.0
    # An offer has 5 to 10 KiB, with video and every codec 20; the contract says 64
    frame_bytes: int = MAX_FRAME
    # A page with a mistake in it shows itself within ten; more is a program that tries things
    bad_frames: int = 10
    # One call, a second one to consult, and room for ends that cross
    calls: int = 4
    # Candidates, keys: a browser gathers below 30, a person presses below 64 within a set-up
    commands: int = 128
    # Messages to a client that does not read; a call makes about ten
    outbox: int = 256
    # Of these, kept for a client that comes back, and their characters: half of what may wait. Two
    # calls and a page of digits fit; an answer has 2 KB
    kept: int = 128
    kept_size: int = 64 * 1024
    # One message on its way to a client that does not read
    send: float = 10.0
    # Ending the calls of a session; BYE and its answer take milliseconds
    close: float = 5.0


async def _stay() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that sessions and the status pages need from the rest of the gateway."""

    calls: CallRegistry
    gate: Gate
    records: Records | None = None  # None where no database is configured
    directory: Directory = field(default_factory=Directory)  # the pages that may be rung
    sessions: Sessions = field(default_factory=Sessions)  # those that a client can come back to
    ice: IceService = field(default_factory=IceService)
    ice_policy: Literal["all", "relay"] = "all"
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    shown: Callable[[str], str] = str  # how the log shows a number
    engine: str = "unknown"  # the SIP engine's name and version
    faults: Callable[[], list[str]] = list  # what does not work now, in words
    # Each answers when asked whether a part still works; for systemd's watchdog
    probes: Mapping[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    renew: Callable[[], None] = lambda: None  # read SIP's certificates again
    draining: Draining = field(default_factory=Draining)
    webhooks: Webhooks | None = None  # None where no URL is configured
    on_limit: Callable[[str, Visitor | None], None] = lambda limit, who: None  # is reached
    leave: Callable[[], Coroutine[Any, Any, None]] = _stay  # have trunks send new calls elsewhere
    # Set once a part has died that only a new process brings back; `faults` says which
    died: asyncio.Event = field(default_factory=asyncio.Event)
    media_stats: Callable[[], Mapping[str, int]] = dict
    strangers: Callable[[], Mapping[tuple[str, str], int]] = dict  # at the SIP port
    stray_answers: Callable[[], int] = int  # descriptions of trunks that answered nothing
    media_ports: Callable[[], Ports | None] = lambda: None
    media_load: Callable[[], float] = float  # share of its time that the media clock works, 0 to 1

    def __post_init__(self) -> None:
        self.metrics.describe_build(engine=self.engine)
        self.metrics.expect(limits=LIMITS, trunks=self.calls.trunks)
        self.metrics.watch(self._read)
        self.gate.on_limit = self._count_limit
        self.sessions.most_of = self.gate.sockets_allowed

    def not_ready(self) -> list[str]:
        """Say why no call can be placed now; empty when one can."""
        reasons = self.faults()
        if self.calls.draining:
            reasons.append("draining: the gateway is going out of service")
        elif self.calls.active >= (lines := min(self.calls.lines.values())):
            reasons.append(f"all {lines} lines are in use")
        elif self.gate.stopped is not None:
            reasons.append(f"new calls are stopped: {self.gate.stopped}")
        elif down := self._all_trunks_down():
            reasons.append(f"no trunk can be reached: {down}")
        elif self.calls.overloaded:
            reasons.append("the media clock has no time left for another call")
        return reasons

    def degraded(self) -> list[str]:
        """Say what does not work and fails no call."""
        found = [] if self.records is None else self.records.faults
        return [*found, *([] if self.webhooks is None else self.webhooks.faults)]

    def _all_trunks_down(self) -> str:
        """Say what was last seen of each trunk if all are down, nothing otherwise."""
        states = self.calls.trunks.values()
        if not states or any(state.up is not False for state in states):
            return ""
        return "; ".join(f"{state.name}: {state.why}" for state in states)

    def refuse(self, visitor: Visitor, page_call: str, to: str, error: GatewayError) -> None:
        """Log and count a call that is not placed."""
        log = {"session": visitor.session, "page_call": page_call}
        why = str(error).replace(to, self.shown(to)) if to else str(error)
        why = self.shown(why)  # an error has the number as it was typed, or tidied
        logger.info("call refused: %s address=%s", why, visitor.address or "-", extra=log)
        self.metrics.refused.labels(error.name).inc()
        self._count(error, visitor)
        if isinstance(error, ForbiddenError):
            self.metrics.admission_refused.labels(error.rule).inc()

    def refuse_preflight(self, visitor: Visitor, page_call: str, error: GatewayError) -> None:
        """Log and count a pre-flight that does not begin."""
        log = {"session": visitor.session, "page_call": page_call}
        logger.info("pre-flight refused: %s address=%s", error, visitor.address or "-", extra=log)
        self.metrics.preflights_refused.labels(error.name).inc()
        self._count(error, visitor)

    def limit_reached(self, limit: str, visitor: Visitor) -> None:
        """Count a limit that has bitten, and write it down."""
        self._count_limit(limit, visitor)
        self.gate.note("limit", visitor, limit=limit)

    def count_socket_refusal(self, error: GatewayError, visitor: Visitor) -> None:
        """Count a WebSocket that was not let in, or not welcomed."""
        reason = error.rule if isinstance(error, ForbiddenError) else error.name
        self.metrics.websockets_refused.labels(reason).inc()
        self._count(error, visitor)

    def _count_limit(self, limit: str, visitor: Visitor | None = None) -> None:
        self.metrics.limits_reached.labels(limit).inc()
        self.on_limit(limit, visitor)

    def _count(self, error: GatewayError, visitor: Visitor) -> None:
        if isinstance(error, LimitError):
            self._count_limit(error.limit, visitor)
        if isinstance(error, TokenError):
            self.metrics.tokens_refused.labels(error.reason).inc()

    def _read_records(self) -> RecordReading | None:
        records = self.records
        if records is None:
            return None
        counts = records.counts
        return RecordReading(
            written=counts.written,
            queued=records.queued,
            lost=counts.lost,
            up=not records.faults,
            skipped=counts.skipped,
        )

    def _read_webhooks(self) -> WebhookReading | None:
        found = self.webhooks
        if found is None:
            return None
        counts = found.counts
        return WebhookReading(
            sent=counts.sent,
            failed=counts.failed,
            lost=counts.lost,
            waiting=found.waiting,
            dead=found.dead_count,
            shut=found.shut,
        )

    def _read(self) -> Reading:
        calls, totals = self.calls, self.calls.totals
        answered = totals.last_answered
        return Reading(
            active=calls.active,
            capacity=calls.capacity,
            capacities=calls.capacities,
            placed=totals.placed,
            answered=totals.answered,
            last_answered=None if answered is None else monotonic() - answered,
            ended=totals.ended,
            received=totals.received,
            accepted=totals.accepted,
            received_ended=totals.received_ended,
            registered=len(self.directory),
            sessions_detached=len(self.sessions),
            sessions_resumed=self.sessions.resumed,
            sessions_expired=self.sessions.expired,
            trunks={
                name: TrunkReading(
                    active=state.active,
                    capacity=state.capacity,
                    placed=state.placed,
                    answered=state.answered,
                    ended=state.ended,
                    answers=state.answers,
                    up=state.up,
                )
                for name, state in calls.trunks.items()
            },
            media=self.media_stats(),
            media_load=self.media_load(),
            overloaded=calls.overloaded,
            ports=self.media_ports(),
            strangers=self.strangers(),
            lines_dropped=totals.lines_dropped,
            stray_answers=self.stray_answers(),
            ready=not self.not_ready(),
            draining=calls.draining,
            admitting=self.gate.stopped is None,
            blocks=len(self.gate.blocks),
            records=self._read_records(),
            webhooks=self._read_webhooks(),
            limits={name: Use(used, allowed) for name, (used, allowed) in self.gate.used().items()},
        )
