"""A call from a trunk that rings, with nothing real around it: the test plays trunk and pages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from gateway import trunk
from gateway.admission.grant import Visitor
from gateway.calls.arrival import Arrival, Inbox, Ringing
from gateway.calls.browser_description import read_offer
from gateway.calls.call import Call
from gateway.calls.directory import Directory
from gateway.calls.invite import Invite, Taken
from gateway.calls.negotiation import Negotiation
from gateway.calls.ring import Acceptance, Caller, Ring
from gateway.media import events as media
from tests.gateway.calls.descriptions import fixture
from tests.gateway.calls.fakes import LOCAL, Client, FakeSession, FakeTrunk
from tests.gateway.calls.stories import state_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.calls.end import CallEnd
    from gateway.calls.news import Tell

CALLER = Caller("c0ffee", "first", "+15550100", "+15550001", "Alice")
OFFER = fixture("chrome-156-audio.sdp")
TRUNK_OFFER = (
    "v=0\r\no=trunk 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
CANCEL = trunk.Ended(trunk.Origin.REMOTE, 487, "Request Terminated", "canceled", None, "Canceled.")


class FakePage:
    """A page that rings, and does what the test says."""

    def __init__(self) -> None:
        self.client = Client()
        self.rings: asyncio.Queue[Ring] = asyncio.Queue()
        self.error: Exception | None = None

    def ring(self, ring: Ring) -> Tell:
        if self.error is not None:
            raise self.error
        self.rings.put_nowait(ring)
        return self.client

    async def rung(self) -> Ring:
        async with asyncio.timeout(2):
            return await self.rings.get()


class Leg(FakeTrunk):
    """The trunk's leg of a call that has come in."""

    def __init__(self) -> None:
        super().__init__()
        self.rang = asyncio.Event()
        self.answered_with = ""
        self.answered = asyncio.Event()
        self.code = 0
        self.ended = asyncio.Event()

    async def ring(self, code: int = 180) -> None:
        self.rang.set()

    async def answer(self, sdp: str) -> None:
        self.answered_with = sdp
        self.answered.set()

    async def hangup(self, code: int = 0, reason: str = "", *, cause: str = "") -> None:
        self.code = code
        self.ended.set()
        await super().hangup(code, reason, cause=cause)


class ArrivalStory:
    """A call that rings on so many pages."""

    def __init__(self, pages: int, seconds: float, offer: str, plan: CallEnd | None) -> None:
        self.pages = [FakePage() for _ in range(pages)]
        self.directory = Directory()
        self.leg = Leg()
        self.session = FakeSession()
        self.counted = Client()
        self.error: Exception | None = None  # of taking over
        self.may_take_over = asyncio.Event()
        self.may_take_over.set()
        self.taking_over = asyncio.Event()
        self.offer = offer
        self.arrival = Arrival(
            CALLER,
            cast(trunk.TrunkLeg, self.leg),
            self.counted,
            plan
            or Ringing(
                self.pages,
                seconds,
                self._take_over,
                lambda joined: self.directory.watch("sales", joined),
            ),
        )
        self.leg.notify = self.arrival.notify

    async def _take_over(self, acceptance: Acceptance, inbox: Inbox, tell: Tell) -> Call:
        self.taking_over.set()
        await self.may_take_over.wait()
        if self.error is not None:
            raise self.error
        negotiation = Negotiation(read_offer(acceptance.offer), LOCAL, ("PCMU", "PCMA"))
        description = negotiation.answer_call(self.offer, "198.51.100.7")
        return Call(
            CALLER.call,
            self.session,
            Taken(
                state_of("first"),
                negotiation,
                Invite(cast(trunk.TrunkLeg, self.leg), description),
                lambda: None,
            ),
            self.leg.locate,
            tell,
            max_duration=60,
            inbox=inbox,
        )

    def start(self) -> None:
        self.task = asyncio.create_task(self.arrival.run())

    async def ended(self) -> CallEnd:
        async with asyncio.timeout(5):
            return await self.task

    async def accept(self, page: int) -> asyncio.Task[Call | None]:
        """Have a page accept; return what it hears of that."""
        ring = await self.pages[page].rung()
        return asyncio.create_task(ring.accept(acceptance()))

    async def answer(self) -> None:
        """Let the browser come up, and the trunk acknowledge."""
        self.session.report(media.BrowserConnected())
        async with asyncio.timeout(2):
            await self.leg.answered.wait()
        self.leg.notify(trunk.Answered(""))


def acceptance(offer: str = OFFER) -> Acceptance:
    return Acceptance(offer, Visitor("192.0.2.7", None, "s1"))


@asynccontextmanager
async def arrival(
    pages: int = 2, *, seconds: float = 60.0, offer: str = TRUNK_OFFER, plan: CallEnd | None = None
) -> AsyncIterator[ArrivalStory]:
    story = ArrivalStory(pages, seconds, offer, plan)
    story.start()
    try:
        yield story
    finally:
        story.task.cancel()
        await asyncio.wait([story.task])
