"""All calls of this process: places them, owns their tasks, ends them when the gateway stops."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import time
from typing import Protocol

from gateway import trunk
from gateway.calls.attempt import Attempts, N, no_room
from gateway.calls.browser_description import read_offer
from gateway.calls.browser_side import RESUME_WINDOW
from gateway.calls.call import MAX_RINGING, Call, Tell
from gateway.calls.call_news import Closed, Listeners, Opened, Rated
from gateway.calls.dialing import Dialing
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import stopped
from gateway.calls.negotiation import Negotiation
from gateway.calls.new_way import beside
from gateway.calls.news import News, Redirected
from gateway.calls.opinion import Feedback
from gateway.calls.own_sockets import NO_SOCKETS, OwnSockets
from gateway.calls.preflight import Preflights
from gateway.calls.record import CallRecord, Holder
from gateway.calls.request import CallRequest
from gateway.calls.seam import Plane
from gateway.calls.totals import Totals
from gateway.calls.trunks import Route, TrunkCalls, Trunks
from gateway.errors import (
    CapacityError,
    DrainingError,
    GatewayError,
    OverloadError,
    RequestError,
)

logger = logging.getLogger(__name__)

# Calls end with BYE and its answer within milliseconds; a dead trunk must not hold up the stop
CLOSE_TIMEOUT = 4.0  # seconds; more than a call may take for its own end

# Of one call: a person changes a mind once or twice. Each is a line on the disk and an event
MOST_OPINIONS = 10


def new_call_id() -> str:
    """Return a name for a call.

    Long enough for the calls of all years and nodes, whose records share a table: with 64 bits two
    of ten million are the same in one of 400,000 cases, with 48 bits in one of six.
    """
    return secrets.token_hex(8)


class Live(Protocol):
    """A call that runs, or rings."""

    @property
    def id(self) -> str: ...
    @property
    def sip_call_id(self) -> str: ...
    @property
    def dropped_lines(self) -> int: ...
    @property
    def lines_besides(self) -> int: ...

    def end(self, end: CallEnd) -> None:
        """Ask for this end."""

    async def run(self) -> CallEnd:
        """Live the call to its end."""

    @property
    def release(self) -> Callable[[], object]:
        """What gives back the line of its trunk."""


class Calls:
    """The registry.

    Parameters
    ----------
    trunks
        Where calls go.
    max_duration, max_ringing
        Seconds that a call may last once it is answered, and ring before, where the request does
        not say.
    resume_window
        Seconds that a browser may take to come back once its media is lost; 0: the call ends.
    own
        Where the gateway itself listens.
    shown
        How a log shows a number.
    """

    def __init__(
        self,
        endpoint: trunk.TrunkEndpoint,
        plane: Plane,
        trunks: Trunks,
        *,
        max_duration: float,
        max_ringing: float = MAX_RINGING,
        resume_window: float = RESUME_WINDOW,
        own: OwnSockets = NO_SOCKETS,
        shown: Callable[[str], str] = str,
    ) -> None:
        self.own_sockets = own
        self.plane = plane
        self.locate = endpoint.locate
        self.max_duration = max_duration
        self.resume_window = resume_window
        self._endpoint = endpoint
        self._trunks = trunks
        self._dialing = Dialing(endpoint, plane)
        self._max_ringing = max_ringing
        self._shown = shown
        self._calls: dict[asyncio.Task[CallEnd], Live] = {}
        self._records: dict[str, CallRecord] = {}
        self._live: dict[str, Live] = {}
        self.listeners = Listeners()  # told of each call, admitted or refused
        self._opening = 0  # admitted, but without a task yet
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.totals = Totals()
        self.preflights = Preflights(plane, self._check_open, trunks.first)

    @property
    def trunks(self) -> Mapping[str, TrunkCalls]:
        """Each trunk now, by its name."""
        return self._trunks.states

    @property
    def active(self) -> int:
        return len(self._calls) + self._opening

    @property
    def lines(self) -> Mapping[str, int]:
        """Calls at a time that each part has room for; one more is refused."""
        return {
            "engine": self._endpoint.capacity,
            "trunk": self._trunks.capacity,
            "ports": self.plane.pairs,
        }

    @property
    def capacities(self) -> Mapping[str, int]:
        """The same, and how many calls there is time for, as far as can be told."""
        by_load = self.plane.calls_by_load
        return self.lines if by_load is None else {**self.lines, "load": by_load}

    @property
    def capacity(self) -> int:
        """Calls at a time: the least of what the parts carry."""
        return min(self.capacities.values())

    @property
    def overloaded(self) -> bool:
        """Whether no call is taken until those that run leave the media clock more time."""
        return self.plane.overloaded

    async def place(self, request: CallRequest, tell: Tell) -> Call:
        """Place a call; what happens to it is told.

        Raises
        ------
        DrainingError, CapacityError, OverloadError
            When no new call is taken.
        OfferError
            When the browser's description cannot be used. No INVITE has been sent.
        UnavailableError
            When no media port is free.
        """
        self.check_room()
        with self.opening():
            call, record = await self._open(request, tell)
        self.own(call, record)
        self.totals.placed += 1
        return call

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Count a leg that is about to be one: nobody else gets its line meanwhile."""
        self._opening += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._opening -= 1
            self._note_idle()

    def check_room(self) -> None:
        """Raise `DrainingError`, `CapacityError` or `OverloadError` when no new call is taken."""
        if self.draining:
            raise _draining()
        self.check_lines()
        self._check_time()

    def _check_open(self) -> None:
        """Raise what `check_room` does, but for a line: none of a trunk's is needed."""
        if self.draining:
            raise _draining()
        self._check_time()

    def _check_time(self) -> None:
        if self.overloaded:  # before the calls that run suffer
            raise OverloadError(
                "the gateway is at its limit: no time is left for another call; try again later"
            )

    def check_lines(self) -> None:
        """Raise `CapacityError` when there is no line for one more leg of a trunk's."""
        lines = min(self.lines.values())
        # One that is forwarded, or is being handed over by its far end, has two legs
        besides = sum(call.lines_besides for call in self._calls.values())
        if self.active + besides >= lines:
            raise CapacityError(f"all {lines} lines are in use; try again later")

    async def _open(self, request: CallRequest, tell: Tell) -> tuple[Call, CallRecord]:
        candidates = self._trunks.candidates(request.to)
        first = next((state.route for state in candidates if state.has_room), None)
        if first is None:
            raise no_room()
        offer = read_offer(request.offer, first.passthrough)
        session = await self.plane.open()
        record = CallRecord(new_call_id(), request, first.trunk.name, time())

        def negotiate(route: Route) -> Negotiation:
            return Negotiation.on(route, offer, session.local, self.own_sockets)

        def tried(state: TrunkCalls) -> None:
            record.trunk = state.name

        try:
            if self.draining:  # it began while the session was opened
                raise _draining()
            attempts = self.attempts(request, negotiate, tried, candidates)
        except BaseException:
            await session.close()
            raise
        call = Call(
            record.id,
            session,
            attempts,
            self.locate,
            tell,
            observe=self.observer(record),
            max_duration=request.max_duration or self.max_duration,
            max_ringing=request.max_ringing or self._max_ringing,
            resume_window=self.resume_window,
            find_way=beside(self, session),
        )
        return call, record

    def candidates(self, to: str) -> Sequence[TrunkCalls]:
        """Return the trunks to try for a number, in turn; ForbiddenError if there is no route."""
        return self._trunks.candidates(to)

    def attempts(
        self,
        request: CallRequest,
        negotiate: Callable[[Route], N],
        tried: Callable[[TrunkCalls], None],
        candidates: Sequence[TrunkCalls] | None = None,
    ) -> Attempts[N]:
        """Make ready to try trunks in turn, as `Dialing.attempts`: those given, or all there are.

        Raises
        ------
        ForbiddenError
            No route leads to the number.
        LimitReachedError
            No trunk has room.
        """
        found = self._trunks.candidates(request.to) if candidates is None else candidates
        return self._dialing.attempts(request, negotiate, tried, found)

    def own(self, call: Live, record: CallRecord) -> None:
        """Let a call live its life, in a task of its own."""
        self._idle.clear()
        self._records[record.id] = record
        self._live[record.id] = call
        if record.direction == "incoming":
            self.totals.received += 1
        task = asyncio.create_task(call.run(), name=f"call-{call.id}")
        self._calls[task] = call
        task.add_done_callback(self._forget)
        self.listeners.tell(record, Opened())

    def refused(self, request: CallRequest, error: GatewayError) -> None:
        """Tell of a call that was asked for and is none: admission, or a part of ours, said no."""
        now = time()
        record = CallRecord(new_call_id(), request, "", now)
        record.refuse(error, now)
        self.listeners.tell(record, Closed())

    def _forget(self, task: asyncio.Task[CallEnd]) -> None:
        call = self._calls.pop(task)
        call.release()
        self.totals.lines_dropped += call.dropped_lines
        record = self._records.pop(call.id)
        del self._live[call.id]
        record.sip_call_id = call.sip_call_id
        visitor = record.request.visitor
        log = {"session": visitor.session, "page_call": record.request.page_call, "call": call.id}
        logger.info(record.summary(self._shown), extra=log)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a call's task failed", exc_info=error)
        self.listeners.tell(record, Closed())
        # Sessions remember it for a while, and a description has kilobytes
        record.request = replace(record.request, offer="")
        self._note_idle()

    def _note_idle(self) -> None:
        if not self.active:
            self._idle.set()

    def counted(self, record: CallRecord, tell: Tell) -> Tell:
        """Return what counts the news of a call, and tells them."""
        count = self.observer(record)

        def tell_and_count(event: News) -> None:
            count(event)
            tell(event)

        return tell_and_count

    def observer(self, record: CallRecord) -> Tell:
        """Return what counts the news of a call."""

        def count(event: News) -> None:
            self.totals.count(event, record.direction)
            placed = record.paid_trunk
            if placed is not None:
                self._trunks.states[placed].count(event, answered=record.answered is not None)
            record.learn(event, time())
            if isinstance(event, Redirected):
                self._trunks.states[event.trunk].count_answer()
            if (call := self._live.get(record.id)) is not None:
                record.sip_call_id = call.sip_call_id or record.sip_call_id
            self.listeners.tell(record, event)

        return count

    # What the operator sees and does

    def records(self) -> Sequence[CallRecord]:
        """Return what is known of each call that runs, the oldest first."""
        for call in self._calls.values():
            self._records[call.id].sip_call_id = call.sip_call_id
        return tuple(self._records.values())

    def record_of(self, call_id: str) -> CallRecord | None:
        """Return what is known of a call that runs."""
        return self._records.get(call_id)

    def rate(self, record: CallRecord, feedback: Feedback) -> None:
        """Take what a page says of a call, which may have ended, in place of what it said before.

        Raises
        ------
        RequestError
            It has said so too often.
        """
        if record.opinions >= MOST_OPINIONS:
            raise RequestError(f"feedback for a call is taken {MOST_OPINIONS} times at most")
        record.opinions += 1
        record.feedback = feedback
        self.listeners.tell(record, Rated())

    def note_holder(self, call_id: str, holder: Holder) -> None:
        """Note who has a call from now on; who began it is known as before."""
        if (record := self._records.get(call_id)) is not None:
            record.holder = holder

    def stop(self, ids: Iterable[str], sentence: str) -> int:
        """End calls, and tell their pages this sentence; return how many there were."""
        wanted = set(ids)
        found = [call for call in self._calls.values() if call.id in wanted]
        for call in found:
            call.end(stopped(sentence))
        return len(found)

    def stop_answered(self, sentence: str) -> None:
        """End every call that costs money: the others have not begun to."""
        answered = [
            record.id
            for record in self._records.values()
            if record.state == "answered" and record.paid_trunk is not None
        ]
        self.stop(answered, sentence)

    async def drain(self) -> None:
        """Take no new calls from now on; those that live go on."""
        self.draining = True

    async def emptied(self) -> None:
        """Return once there is no call."""
        while self.active:
            await self._idle.wait()

    async def close(self) -> None:
        """End every call and every pre-flight, and wait until each is down."""
        self.draining = True
        await asyncio.gather(self._end_calls(), self.preflights.close())

    async def _end_calls(self) -> None:
        sentence = "The gateway is being restarted."
        for call in self._calls.values():
            call.end(CallEnd.made_here(By.GATEWAY, "shutdown", 503, sentence))
        tasks = set(self._calls)
        if not tasks:
            return
        _, hanging = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        for task in hanging:
            task.cancel()
        if hanging:
            await asyncio.wait(hanging, timeout=CLOSE_TIMEOUT)


def _draining() -> DrainingError:
    return DrainingError("the gateway is going out of service and takes no new calls")
