"""A call that its page hands over to another one: those of an identity ring, and the first has it.

The far end is not asked and hears nothing of it. The page that accepts brings a media path of its
own up beside the first page's; then it has the call. Until then the first page has it, and goes on
if nobody takes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.admission.gate import Admission
from gateway.calls import news
from gateway.calls.directory import Page
from gateway.calls.end import By, CallEnd
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
from gateway.errors import GatewayError
from gateway.signaling.seam import PlacedCall

logger = logging.getLogger(__name__)

RING: Final = 30.0  # seconds; as long as calls from trunks ring unless told otherwise

NOBODY_THERE: Final = (480, "No page is there to take the call")
ALL_BUSY: Final = (486, "Every page has as many calls as it may")
NOT_TAKEN: Final = (480, "Nobody accepted the call")
NOT_CONNECTED: Final = (480, "The page that accepted the call could not be connected")
REJECTED: Final = "Every page rejected the call"


@dataclass(frozen=True, slots=True)
class Estate:
    """What goes with a call to another page.

    `admissions` hold until the call's end, each with how long the call had lasted when it began to
    count; `lasted_ms` is how long it has lasted now. Times since the answer.
    """

    admissions: tuple[tuple[Admission, int], ...]
    lasted_ms: int
    held: bool  # by the page that gives it away


class Taker(Protocol):
    """The call of the page on which a call rings that is handed over."""

    def take_over(self, call: PlacedCall, estate: Estate) -> None:
        """Have the call from now on."""


@dataclass(frozen=True, slots=True)
class PathWanted:
    """The page that has accepted was loaded anew, and offers another media path.

    `reply` is set once it has its answer, or to the reason why there is none.
    """

    ring: HandedRing
    offer: str
    restart_id: str | None
    reply: asyncio.Future[None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotConnected:
    """The media path of the page that has accepted has not come up."""


@dataclass(frozen=True, slots=True)
class Late:
    """Nobody has accepted in time."""


@dataclass(frozen=True, slots=True)
class Over:
    """The call has ended, or has been handed over."""

    end: CallEnd


OfHandedRing = RingEvent | PathWanted
Event = OfHandedRing | Joined | NotConnected | Late | Over


class HandedRing(Ring):
    """Such a call on one of the pages. Commands of that page come here until it has the call.

    Attributes
    ----------
    owner
        The page's own end of it.
    connecting
        It has accepted, and its media path comes up.
    """

    def __init__(
        self, caller: Caller, call: PlacedCall, put: Callable[[OfHandedRing], None]
    ) -> None:
        super().__init__(caller, put)
        self.owner: Taker | None = None
        self.connecting = False
        self._want = put
        self._call = call

    def part(self) -> None:
        """Know the page no more."""
        super().part()
        self.owner = None

    async def accept(self, acceptance: Acceptance) -> Any:
        """Take the call, as `Ring.accept`; this is what stands for it meanwhile."""
        return await super().accept(acceptance)

    async def add_candidate(self, candidate: str | None) -> None:
        """Hand on a candidate of the page whose media path comes up."""
        if self.connecting:
            await self._call.add_candidate(candidate)

    async def restart(
        self, offer: str, tell: news.Tell | None = None, restart_id: str | None = None, /
    ) -> None:
        """Bring another media path up in place of the one that is about to; else refuse it."""
        if not self.connecting:
            await super().restart(offer, tell, restart_id)
        elif not self.over:
            reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._want(PathWanted(self, offer, restart_id, reply))
            await reply

    async def hangup(self) -> None:
        """Reject the call, or give up what was accepted: the call itself goes on."""
        if self.connecting:
            self._put(Left(self))
        else:
            await super().hangup()

    async def abandon(self, reason: str) -> None:
        """Ring here no more, likewise."""
        if self.connecting:
            self._put(Left(self))
        else:
            await super().abandon(reason)


class Handing:
    """The pages that ring for one call.

    Parameters
    ----------
    caller
        What they are told of it.
    call
        The call; it is answered.
    pages
        Those that ring at once.
    watch
        Tells of pages that come while it rings, until the function that it returns is called.
    own
        The page that hands the call over, which does not ring.
    rings
        Called when the first of them rings.
    failed
        Called with a status and a sentence if none takes the call.
    """

    def __init__(
        self,
        caller: Caller,
        call: PlacedCall,
        pages: Sequence[Page],
        watch: Callable[[Callable[[Page], None]], Callable[[], None]],
        *,
        own: Page,
        rings: Callable[[], None],
        failed: Callable[[int, str], None],
    ) -> None:
        self.winner: HandedRing | None = None
        self._given = False  # the winner has the call
        self._coming = 0  # media paths of the winner's: of the last one, and those it replaces
        self._caller = caller
        self._call = call
        self._pages = pages
        self._watch = watch
        self._told_ringing = rings
        self._failed = failed
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._rings: Rings[HandedRing] = Rings(caller, own)
        self.task = asyncio.create_task(self._run(), name=f"hand-over-{caller.call}")

    def end(self, end: CallEnd) -> None:
        """Ring no more: the call is over, or has been taken."""
        self._inbox.put_nowait(Over(end))

    async def _run(self) -> None:
        failure: tuple[int, str] | None = NOT_CONNECTED
        try:
            failure = await self._ring()
        except Exception:  # a fault of ours costs this transfer, not the call
            logger.exception("call %s could not be handed over", self._caller.call)
        finally:
            for ring in self._rings:
                ring.close(_given_up())
            while not self._inbox.empty():
                event = self._inbox.get_nowait()
                if isinstance(event, Accepted | PathWanted):  # in the last moment
                    settle(event.reply, None)
            if failure is not None:
                self._failed(*failure)

    async def _ring(self) -> tuple[int, str] | None:
        """Ring until somebody has the call, or nobody will; return why, if nobody has it."""
        pages = [page for page in self._pages if self._rings.may_ring(page)]
        busy = [page for page in pages if not self._ring_page(page)]
        if not self._rings:
            return ALL_BUSY if busy else NOBODY_THERE
        self._told_ringing()
        timer = asyncio.get_running_loop().call_later(RING, self._inbox.put_nowait, Late())
        stop = self._watch(lambda page: self._inbox.put_nowait(Joined(page)))
        try:
            while True:
                event = await self._inbox.get()
                if isinstance(event, Over):
                    for ring in self._rings:
                        ring.close(event.end)
                    return None
                if (failure := await self._handle(event)) is not None:
                    await self._let_go()
                    return failure
        finally:
            timer.cancel()
            stop()

    def _ring_page(self, page: Page) -> bool:
        return self._rings.begin(page, HandedRing(self._caller, self._call, self._inbox.put_nowait))

    async def _handle(self, event: Event) -> tuple[int, str] | None:
        match event:
            case Accepted(ring=HandedRing() as ring, acceptance=acceptance, reply=reply):
                await self._accept(ring, acceptance, reply)
            case Left(ring=ring) | Rejected(ring=ring) if self._given and ring is self.winner:
                await self._call.hangup()  # in the turn of the loop in which it got the call
            case Rejected(ring=ring, code=code):
                self._rings.note_rejection(code)
                return self._silence(ring, rejected(code))
            case Left(ring=ring):
                lost = ring is self.winner
                return self._silence(ring, _given_up()) or (NOT_CONNECTED if lost else None)
            case PathWanted():
                await self._renew(event)
            case NotConnected() if self.winner is not None and not self._coming:
                self.winner.close(_not_connected())
                return NOT_CONNECTED
            case Late() if self.winner is None:
                return NOT_TAKEN
            case Joined(page=page) if self.winner is None and self._rings.may_ring(page):
                self._ring_page(page)
        return None

    def _silence(self, ring: Ring, end: CallEnd) -> tuple[int, str] | None:
        """Ring on one page no more; return why nobody has the call if it was the last."""
        if not self._rings.silence(ring, end):
            return None
        said = self._rings.rejection
        return NOBODY_THERE if said is None else (said, REJECTED)

    async def _accept(
        self, ring: HandedRing, acceptance: Acceptance, reply: asyncio.Future[Any]
    ) -> None:
        """Bring the media path of a page up, if it is the first."""
        if ring.over or self.winner is not None:
            settle(reply, None)
            return
        self.winner = ring
        try:
            await self._connect(acceptance.offer)
        except GatewayError as error:  # it rings on, for this page too
            self.winner = None
            settle(reply, error)
            return
        except BaseException:
            settle(reply, None)
            raise
        ring.connecting = True
        settle(reply, ring)
        for other in self._rings:
            if other is not ring:
                other.close(elsewhere())
        self._rings.keep(ring)

    async def _connect(self, offer: str, restart_id: str | None = None) -> None:
        """Have a media path of the winner's come up, in place of any that is about to."""
        self._coming += 1
        try:
            await self._call.restart(offer, self._hear, restart_id)
        except BaseException:
            self._coming -= 1
            raise

    async def _renew(self, wanted: PathWanted) -> None:
        """Connect the page that has accepted once more."""
        if wanted.ring is not self.winner:  # which has been told the end
            settle(wanted.reply, None)
            return
        try:
            await self._connect(wanted.offer, wanted.restart_id)
        except GatewayError as error:
            settle(wanted.reply, error)
            if not self._coming:
                self._inbox.put_nowait(NotConnected())
        except BaseException:
            settle(wanted.reply, None)
            raise
        else:
            settle(wanted.reply, None)

    async def _let_go(self) -> None:
        """Have nobody take the call any more, though a media path may be about to come up."""
        if self.winner is not None:
            self.winner = None
            await self._call.give_up_restart(self._hear)

    def _hear(self, event: news.News) -> None:
        """Tell the page that has accepted what happens to the call."""
        if isinstance(event, news.RestartFailed) and not self._given:
            self._coming -= 1
            if not self._coming:
                self._inbox.put_nowait(NotConnected())
                return
        if self.winner is not None:
            self.winner.tell(event)

    def give(self, estate: Estate) -> bool:
        """Give the call to the page that has accepted, and is connected; false if none has."""
        ring = self.winner
        if ring is None or ring.owner is None:
            return False
        self._given = True
        self._rings.keep()
        ring.over = True
        ring.owner.take_over(self._call, estate)
        self.end(elsewhere())
        return True


def _given_up() -> CallEnd:
    sentence = "The call is not handed over any more."
    return CallEnd.made_here(By.GATEWAY, "canceled", 487, sentence)


def _not_connected() -> CallEnd:
    sentence = "The encrypted connection to the browser could not be set up."
    return CallEnd.made_here(By.GATEWAY, "media-failed", 500, sentence)
