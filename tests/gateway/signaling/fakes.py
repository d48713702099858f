"""Fakes at the seam below the signaling room: a registry and its calls, driven by the test."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from time import time
from typing import Any

from gateway.admission.audit import Audit
from gateway.admission.gate import Gate, Rules
from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.admission.store import MemoryStore
from gateway.calls.end import By, CallEnd
from gateway.calls.news import Answered, AnswerReady, Ended, HandedOver, News
from gateway.calls.opinion import Feedback
from gateway.calls.preflight import PreflightNews
from gateway.calls.record import CallRecord, Holder
from gateway.calls.request import CallRequest
from gateway.calls.trunks import Route, TrunkCalls
from gateway.errors import GatewayError
from gateway.trunk import Trunk

NO_LIMITS = LimitRules(
    calls_at_once_per_identity=0,
    calls_at_once_per_address=0,
    numbers_per_hour_per_identity=0,
    websockets_per_address=0,
    messages_per_second_per_address=0,
)


def open_gate(**rules: Any) -> Gate:
    """Make a gate that lets everybody call everything, but for the rules given."""
    everything = Rules(policy=Policy(allow=("*",)), limits=NO_LIMITS)
    return Gate(replace(everything, **rules), MemoryStore(time), Audit(None, "full", time))


Tell = Callable[[News], None]
TellPreflight = Callable[[PreflightNews], None]


@dataclass
class FakeTotals:
    placed: int = 0
    answered: int = 0
    lines_dropped: int = 0
    received: int = 0
    accepted: int = 0
    received_ended: Counter[str] = field(default_factory=Counter)
    last_answered: float | None = None
    ended: Counter[str] = field(default_factory=Counter)


class FakeCall:
    """Notes each command; one that ends the call is followed by the news of its end."""

    def __init__(self, call_id: str, request: CallRequest, tell: Tell) -> None:
        self.id = call_id
        self.request = request
        self.tell = tell
        self.commands: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
        self.failure: Exception | None = None
        self.cannot_transfer: Exception | None = None
        self.no_route: Exception | None = None
        self.heir = tell  # of another page that has asked for the call

    async def add_candidate(self, candidate: str | None) -> None:
        self._note("candidate", candidate)

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        self._note("digits", digits, duration_ms, gap_ms)

    async def hold(self) -> None:
        self._note("hold")

    async def resume(self) -> None:
        self._note("resume")

    def check_transfer(self) -> None:
        if self.cannot_transfer is not None:
            raise self.cannot_transfer

    async def transfer(self, to: str) -> None:
        if self.no_route is not None:
            raise self.no_route
        self._note("transfer", to)

    async def transfer_to(self, other: FakeCall) -> None:
        self._note("transfer", other)

    async def restart(
        self, offer: str, tell: Tell | None = None, restart_id: str | None = None, /
    ) -> None:
        self._note("restart", offer, *([] if restart_id is None else [restart_id]))
        if tell is not None:
            self.heir = tell
            tell(AnswerReady("v=0"))

    async def give_up_restart(self, tell: Tell) -> None:
        self._note("give up", tell == self.heir)

    def hand_over(self) -> None:
        """Give the call to whoever has asked for it, as if that page were connected."""
        before, self.tell = self.tell, self.heir
        before(HandedOver(1000))
        self.tell(Answered("opus", "PCMU"))

    async def redirect(self, token: int, request: CallRequest) -> None:
        self._note("redirect", token, request)

    async def refuse_redirect(self, token: int, error: GatewayError) -> None:
        self._note("refuse", token, error.sip_code)

    async def hangup(self) -> None:
        self._note("hangup")
        self.end(By.LOCAL)

    async def abandon(self, reason: str) -> None:
        self._note("abandon", reason)
        self.end(By.GATEWAY)

    def end(self, by: By) -> None:
        self.tell(Ended(CallEnd(by, "hangup", 200, "OK", "The call ended."), 1500))

    def _note(self, *command: object) -> None:
        self.commands.put_nowait(command)
        if self.failure is not None:
            raise self.failure


class FakePreflight:
    """Notes each candidate; a hang-up and an end are followed by the news of it."""

    def __init__(self, offer: str, tell: TellPreflight) -> None:
        self.offer = offer
        self.tell = tell
        self.candidates: asyncio.Queue[str | None] = asyncio.Queue()

    async def add_candidate(self, candidate: str | None) -> None:
        self.candidates.put_nowait(candidate)

    def hangup(self) -> None:
        self.end(CallEnd(By.LOCAL, "hangup", 200, "OK", "The test has ended."))

    def end(self, end: CallEnd) -> None:
        self.tell(Ended(end, 1500))


class FakePreflights:
    """Begins every pre-flight, unless told to fail or to wait."""

    def __init__(self) -> None:
        self.active = 0
        self.failure: Exception | None = None
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self.begun: asyncio.Queue[FakePreflight] = asyncio.Queue()

    async def begin(self, offer: str, tell: TellPreflight) -> FakePreflight:
        await self.may_begin.wait()
        if self.failure is not None:
            raise self.failure
        preflight = FakePreflight(offer, tell)
        self.begun.put_nowait(preflight)
        return preflight


class FakeCalls:
    """Places every call, unless told to fail or to wait."""

    def __init__(self) -> None:
        self.trunk_calls = 10
        self.preflights = FakePreflights()
        self.trunks = {"lab": TrunkCalls(Route(Trunk("lab", "sip:127.0.0.1"), ("PCMU",), 10))}
        self.active = 0
        self.capacity = 10  # the engine's
        self.draining = False
        self.overloaded = False
        self.closed = False
        self.empty = asyncio.Event()
        self.totals = FakeTotals()
        self.failure: Exception | None = None
        self.may_place = asyncio.Event()
        self.may_place.set()
        self.placed: asyncio.Queue[FakeCall] = asyncio.Queue()
        self.running: dict[str, CallRecord] = {}
        self.known: dict[str, CallRecord] = {}  # of those that were placed here
        self.holders: dict[str, Holder] = {}
        self.stopped: list[tuple[str, str]] = []
        self.refusals: list[tuple[CallRequest, GatewayError]] = []

    @property
    def lines(self) -> dict[str, int]:
        return {"engine": self.capacity, "trunk": self.trunk_calls}

    @property
    def capacities(self) -> dict[str, int]:
        return self.lines

    def check_room(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def place(self, request: CallRequest, tell: Tell) -> FakeCall:
        await self.may_place.wait()
        if self.failure is not None:
            raise self.failure
        self.totals.placed += 1
        call = FakeCall(f"gw-{self.totals.placed}", request, tell)
        self.known[call.id] = CallRecord(call.id, request, "lab", time())
        self.placed.put_nowait(call)
        return call

    def refused(self, request: CallRequest, error: GatewayError) -> None:
        self.refusals.append((request, error))

    def records(self) -> tuple[CallRecord, ...]:
        return tuple(self.running.values())

    def record_of(self, call_id: str) -> CallRecord | None:
        return self.known.get(call_id)

    def rate(self, record: CallRecord, feedback: Feedback) -> None:
        if self.failure is not None:
            raise self.failure
        record.feedback = feedback

    def note_holder(self, call_id: str, holder: Holder) -> None:
        self.holders[call_id] = holder

    def stop(self, ids: Iterable[str], sentence: str) -> int:
        found = [self.running.pop(each) for each in ids if each in self.running]
        self.stopped += [(record.id, sentence) for record in found]
        return len(found)

    async def drain(self) -> None:
        self.draining = True

    async def emptied(self) -> None:
        await self.empty.wait()

    async def close(self) -> None:
        self.closed = True
