"""A call in the middle of its seams, for a test to tell what happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from gateway import trunk
from gateway.calls import news
from gateway.calls.attempt import Attempt, Attempts, Targets
from gateway.calls.browser_description import read_offer
from gateway.calls.call import Call
from gateway.calls.end import CallEnd
from gateway.calls.negotiation import Negotiation
from gateway.calls.own_sockets import NO_SOCKETS
from gateway.calls.redirect import NewWay
from gateway.calls.request import CallRequest
from gateway.calls.state import CallState
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.trunks import Route, TrunkCalls
from gateway.errors import GatewayError
from gateway.trunk import Dtmf
from tests.gateway.calls.descriptions import ANSWER, fixture
from tests.gateway.calls.fakes import LOCAL, Client, FakeSession, FakeTrunk

BUSY = trunk.Ended(trunk.Origin.REMOTE, 486, "Busy Here", "busy", 17, "The line is busy.")
BYE = trunk.Ended(trunk.Origin.REMOTE, 200, "OK", "hangup", 16, "The other side ended the call.")


def state_of(name: str) -> TrunkCalls:
    return TrunkCalls(Route(trunk.Trunk(name, "sip:127.0.0.1:5060"), ("PCMU",), 10))


class Story:
    """A call in the middle of its seams."""

    def __init__(
        self,
        max_duration: float = 60.0,
        dtmf: Dtmf = Dtmf.AUTO,
        max_ringing: float = 60.0,
        others: tuple[str, ...] = (),
        beside: Story | None = None,
        resume_window: float = 60.0,
    ) -> None:
        self.session = FakeSession()
        self.client = Client()
        offer = read_offer(fixture("chrome-156-audio.sdp"))
        self.negotiation = Negotiation(offer, LOCAL, ("PCMU", "PCMA"), dtmf=dtmf)
        self.states = [state_of(name) for name in ("first", *others)]
        if beside is not None:
            self.states = beside.states
        self.trunks = {state.name: FakeTrunk() for state in self.states}
        self.trunk = self.trunks["first"]

        def make(state: TrunkCalls, known: Targets | None) -> Attempt[Negotiation]:
            negotiation = self.negotiation
            if state.name != "first":
                negotiation = Negotiation(offer, LOCAL, ("PCMU", "PCMA"), dtmf=dtmf)
            dial = partial(self.trunks[state.name].dial, negotiation.trunk_offer)
            return Attempt(state, negotiation, dial)

        self.tried: list[str] = []
        attempts = Attempts(iter(self.states), make, lambda state: self.tried.append(state.name))
        self.call = Call(
            "test",
            self.session,
            attempts,
            self.trunk.locate,
            self.client,
            max_duration=max_duration,
            max_ringing=max_ringing,
            resume_window=resume_window,
            find_way=self._find_way,
        )
        self.onward = [state_of("onward"), state_of("further")]
        self.targets = {state.name: FakeTrunk() for state in self.onward}
        self.no_way: GatewayError | None = None
        self.task = asyncio.create_task(self.call.run())

    async def _find_way(self, request: CallRequest) -> NewWay:
        """Lead to two trunks more."""
        if self.no_way is not None:
            raise self.no_way
        second = await self.session.add_trunk()

        def make(state: TrunkCalls, known: Targets | None) -> Attempt[TrunkNegotiation]:
            made = TrunkNegotiation.to_forward(state.route, second.local, NO_SOCKETS)
            return Attempt(state, made, partial(self.targets[state.name].dial, made.trunk_offer))

        return NewWay(second, Attempts(iter(self.onward), make, lambda state: None))

    async def ended(self) -> CallEnd:
        """Wait for the end, and check that everything is down and nothing was told after it."""
        async with asyncio.timeout(5):
            end = await self.task
        assert self.call.state is CallState.ENDED
        assert self.session.closed == 1
        assert isinstance(self.client.told[-1], news.Ended)
        assert sum(isinstance(event, news.Ended) for event in self.client.told) == 1
        return end

    async def answer(self) -> None:
        self.trunk.notify(trunk.Answered(ANSWER))
        await self.client.hear(news.Answered)


@asynccontextmanager
async def story(
    max_duration: float = 60.0,
    dtmf: Dtmf = Dtmf.AUTO,
    max_ringing: float = 60.0,
    others: tuple[str, ...] = (),
    beside: Story | None = None,
    resume_window: float = 60.0,
) -> AsyncIterator[Story]:
    """Begin a call; `beside` another one it is on the same trunks."""
    made = Story(max_duration, dtmf, max_ringing, others, beside, resume_window)
    try:
        async with asyncio.timeout(2):
            await made.trunk.dialed.wait()
        yield made
    finally:
        made.task.cancel()
        await asyncio.wait([made.task])


@asynccontextmanager
async def held_back() -> AsyncIterator[Story]:
    """A call whose browser has not said yet where it is."""
    call = Story()
    call.session.reachable = False
    try:
        await call.client.hear(news.AnswerReady)
        await asyncio.sleep(0.02)
        assert not call.trunk.dialed.is_set()
        yield call
    finally:
        call.task.cancel()
        await asyncio.wait([call.task])
