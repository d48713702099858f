"""A call from a trunk, from its INVITE on: it rings on pages, and then it is one page's call.

One task owns it all along. While it rings, everything comes through the inbox here; once a page has
accepted, what has come meanwhile goes over to the call's own inbox, and whatever comes later goes
there at once. So nothing is lost between the two, and of two pages that accept in the same moment
the one whose event is read first has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import FAULT, end_of, unanswered, unusable
from gateway.calls.events import CallEvent, EndWanted
from gateway.calls.incoming import (
    all_busy,
    all_rejected,
    goes_on,
    nobody_there,
    not_forwarded,
    not_taken,
)
from gateway.calls.ring import (
    Acceptance,
    Accepted,
    Caller,
    Joined,
    Left,
    Rejected,
    Ring,
    RingEvent,
    elsewhere,
    rejected,
    settle,
)
from gateway.calls.rings import Rings
from gateway.errors import GatewayError, UnavailableError
from sdp import SdpError

if TYPE_CHECKING:
    from gateway.calls.call import Call
    from gateway.calls.directory import Page
    from gateway.calls.forwarded_call import ForwardedCall

logger = logging.getLogger(__name__)

Inbox = asyncio.Queue[CallEvent]
Watch = Callable[[Callable[["Page"], None]], Callable[[], None]]
Forward = Callable[[CallEnd], Awaitable["ForwardedCall"]]
TakeOver = Callable[[Acceptance, Inbox, news.Tell], Awaitable["Call"]]

# A 180 takes the SIP thread milliseconds, and a refusal too; what hangs is not waited for
CLOSE_TIMEOUT = 3.0  # seconds

INTERRUPTED = CallEnd.made_here(By.GATEWAY, "internal", 500, "The call was interrupted.")


def _nothing() -> None:
    """Give no line back: none is held."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Whom a call rings, and for how many seconds.

    `watch` tells of pages that come while it rings, until the function that it returns is called.
    `take_over` makes the call of the page that accepts, and gives it the inbox that it has to begin
    with and whoever takes its news. `forward` makes what it becomes when no page takes it.
    `release` gives the line of the trunk back; the second time does nothing.
    """

    pages: Sequence[Page]
    seconds: float
    take_over: TakeOver
    watch: Watch
    forward: Forward | None = None
    release: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Late:
    """Nobody has accepted in time; nobody's concern once somebody has the call."""


ArrivalEvent = CallEvent | RingEvent | Joined | Late


class Arrival:
    """A call from a trunk.

    Parameters
    ----------
    caller
        What pages are told of it.
    leg
        The trunk's leg, whose INVITE has no answer yet.
    tell
        Takes the end of a call that no page has.
    plan
        Whom it rings; or why it rings nowhere.

    Attributes
    ----------
    release
        Called once it is over.
    """

    def __init__(
        self, caller: Caller, leg: trunk.TrunkLeg, tell: news.Tell, plan: Ringing | CallEnd
    ) -> None:
        self.id = caller.call
        self.caller = caller
        self.release = plan.release if isinstance(plan, Ringing) else _nothing
        self._leg = leg
        self._tell = tell
        self._plan = plan
        self._inbox: asyncio.Queue[ArrivalEvent] = asyncio.Queue()
        self._rings: Rings[Ring] = Rings(caller)
        self._call: Call | ForwardedCall | None = None

    @property
    def sip_call_id(self) -> str:
        """The Call-ID of the INVITE."""
        return self._leg.call_id

    @property
    def lines_besides(self) -> int:
        """Lines of trunks' that it has besides its own."""
        return 0 if self._call is None else self._call.lines_besides

    @property
    def dropped_lines(self) -> int:
        """Lines of the trunk's descriptions that could not be read, and did not matter."""
        return 0 if self._call is None else self._call.dropped_lines

    def notify(self, event: CallEvent) -> None:
        """Take an event of the trunk's leg, or somebody's wish."""
        if self._call is None:
            self._inbox.put_nowait(event)
        else:
            self._call.notify(event)

    def end(self, end: CallEnd) -> None:
        """Ask for this end; the first one who asks decides."""
        self.notify(EndWanted(end))

    async def run(self) -> CallEnd:
        """Ring, and then live the call of the page that accepts, to its end."""
        end: CallEnd | None = INTERRUPTED
        try:
            end = await self._take(self._plan) if isinstance(self._plan, Ringing) else self._plan
        except Exception:  # a fault of ours ends this call and no other
            logger.exception("call %s failed while it rang", self.id)
            end = FAULT
        finally:
            if end is not None and self._call is None:
                await self._close(end)
        return await self._call.run() if self._call is not None else end or FAULT

    async def _take(self, plan: Ringing) -> CallEnd | None:
        """Ring, and forward the call if no page takes it; None once somebody has it."""
        end = await self._ring(plan)
        if end is None or plan.forward is None or not goes_on(end):
            return end
        logger.info("call %s goes to its fallback: %s", self.id, end.message)
        for ring in self._rings:
            ring.close(end, self.caller.trunk)
        self._rings.keep()
        try:
            self._call = await plan.forward(end)
        except GatewayError as error:
            return not_forwarded(error)
        except SdpError as error:
            return _unusable(error)
        self._hand_over(self._call.notify)
        return None

    async def _ring(self, plan: Ringing) -> CallEnd | None:
        """Ring until somebody ends it; None once it is a page's call."""
        busy = [page for page in plan.pages if not self._ring_page(page)]
        if not self._rings:
            return all_busy() if busy else nobody_there()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(plan.seconds, self._inbox.put_nowait, Late())
        stop = plan.watch(lambda page: self._inbox.put_nowait(Joined(page)))
        try:
            await self._leg.ring()
            self._tell(news.Ringing(early_media=False))
            while self._call is None:
                ended = await self._handle(await self._inbox.get(), plan)
                if ended is not None:
                    return ended
        finally:
            timer.cancel()
            stop()
        return None

    def _ring_page(self, page: Page) -> bool:
        return self._rings.begin(page, Ring(self.caller, self._inbox.put_nowait))

    async def _handle(self, event: ArrivalEvent, plan: Ringing) -> CallEnd | None:
        match event:
            case Accepted(ring=ring) if ring.over:  # it has rejected the call in the same breath
                settle(event.reply, None)
                return None
            case Accepted():
                return await self._accept(event, plan.take_over)
            case Rejected(ring=ring, code=code):
                self._rings.note_rejection(code)
                return self._silence(ring, rejected(code))
            case Left(ring=ring):
                return self._silence(ring, nobody_there())
            case Late():
                return not_taken(plan.seconds)
            case Joined(page=page):
                if self._rings.may_ring(page):  # else it has registered once more
                    self._ring_page(page)
                return None
            case trunk.Offered(token=token):  # before there is a description to change
                await self._leg.refuse_offer(token, "the call is not answered yet")
                return None
            case _:
                end = end_of(event)
                return None if end is None else unanswered(end)

    def _silence(self, ring: Ring, end: CallEnd) -> CallEnd | None:
        """Ring on one page no more; return the call's end if it was the last."""
        if not self._rings.silence(ring, end):
            return None
        said = self._rings.rejection
        return nobody_there() if said is None else all_rejected(said)

    async def _accept(self, accepted: Accepted, take_over: TakeOver) -> CallEnd | None:
        """Give the call to a page, if its description will do."""
        inbox: Inbox = asyncio.Queue()
        ring, reply = accepted.ring, accepted.reply
        try:
            call = await take_over(accepted.acceptance, inbox, ring.tell)
        except GatewayError as error:
            settle(reply, error)
            return None
        except SdpError as error:
            settle(reply, None)
            return _unusable(error)
        except BaseException:
            settle(reply, UnavailableError("the gateway failed; its log says why"))
            raise
        ring.over = True  # what comes now is for the call
        self._rings.keep(*(other for other in self._rings if other is not ring))
        self._call = call
        for other in self._rings:
            other.close(elsewhere(), self.caller.trunk)
        self._hand_over(inbox.put_nowait)
        settle(reply, call)
        return None

    def _hand_over(self, take: Callable[[CallEvent], None]) -> None:
        """Give the call what has come while it was made; who was too late hears of it."""
        while not self._inbox.empty():
            event = self._inbox.get_nowait()
            if isinstance(event, Accepted):
                settle(event.reply, None)
            elif not isinstance(event, RingEvent | Joined | Late):
                take(event)

    async def _close(self, end: CallEnd) -> None:
        """End a call that nobody has: the trunk first, whose caller hears it ring."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._leg.hangup(end.sip_code, cause=end.cause)
        except Exception:  # the pages have to hear of it all the same
            logger.exception("call %s could not be refused", self.id)
        finally:
            for ring in self._rings:
                ring.close(end, self.caller.trunk)
            while not self._inbox.empty():
                event = self._inbox.get_nowait()
                if isinstance(event, Accepted):
                    settle(event.reply, None)
            self._tell(news.Ended(end, 0, self.caller.trunk))


def _unusable(error: SdpError) -> CallEnd:
    return unusable("The trunk offers a media description that cannot be used", error)
