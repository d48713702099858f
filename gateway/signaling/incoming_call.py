"""A call from a trunk as a page sees it: it rings here, and may become this page's call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.admission.grant import Grant, Visitor
from gateway.calls import news
from gateway.calls.request import CallRequest
from gateway.calls.ring import Acceptance, Ring
from gateway.errors import GatewayError, RequestError
from gateway.signaling import messages
from gateway.signaling.client_call import ClientCall, Say
from gateway.signaling.handing import HandedRing
from gateway.signaling.room import Room
from gateway.signaling.seam import PlacedCall


class IncomingCall(ClientCall):
    """A call that rings on a page; commands go to the ring first, and then to the call.

    `call` is the id that the gateway chose. Parameters as of `ClientCall`.
    """

    def __init__(
        self,
        ring: Ring,
        visitor: Callable[[], Visitor],
        grant: Grant,
        room: Room,
        *,
        say: Say,
        over: Callable[[ClientCall], None],
        granted: Callable[[], Grant] | None = None,
    ) -> None:
        self._ring = ring
        caller = ring.caller
        request = CallRequest(
            to=caller.to, offer="", caller=caller.number, visitor=visitor(), page_call=ring.id
        )
        super().__init__(request, grant, room, say=say, over=over, granted=granted, visitor=visitor)
        self._progress.state = "ringing"
        self._accepted_by: Visitor | None = None  # each socket of a page's has one of its own
        if isinstance(ring, HandedRing):
            ring.owner = self

    @property
    def placed(self) -> str | None:
        """The gateway's name of the call; None while it rings, at other pages as well."""
        return None if self._live is self._ring else super().placed

    @property
    def standing(self) -> messages.LiveCall:
        """The call as a client that comes back has to know it: accepted, it rings here no more."""
        caller = self._ring.caller
        return self._standing(
            direction="incoming",
            from_=self._far_end,
            to=caller.to,
            display_name=self._far_name,
        )

    def _part(self) -> None:
        """Know the call no more, nor be known to what has rung."""
        super()._part()
        self._ring.part()

    def tell(self, event: news.News) -> None:
        """Take news of the call."""
        self._tell(event)

    def accept(self, offer: str, grant: Grant) -> None:
        """Take the call; `grant` is what the page may do now. Raises as `command`."""
        self.command(partial(self._accept, offer, grant, self._visitor()))

    def reject(self, code: int) -> None:
        """Stop the ringing. Raises as `command`."""

        async def reject(call: PlacedCall) -> None:
            if call is not self._ring:
                raise _accepted()
            await self._ring.reject(code)

        self.command(reject)

    async def give(self, call: PlacedCall) -> None:
        """Have another call's far end talk to this one's."""
        if self._live is self._ring:
            raise RequestError("a call is transferred to another one that is answered")
        await super().give(call)

    async def _place(self) -> PlacedCall:
        return self._ring

    @property
    def _far_end(self) -> str:
        """The caller, unless that one has handed the page over."""
        return self._redirected_to or self._ring.caller.number

    @property
    def _far_name(self) -> str | None:
        return None if self._redirected_to else self._ring.caller.display_name

    @property
    def _shown(self) -> str | None:
        """Nobody: the caller of this call is the far end, and a call of ours is the page's."""
        return None

    async def _accept(self, offer: str, grant: Grant, page: Visitor, call: PlacedCall) -> None:
        if self._accepted_by is not None:
            await self._accept_anew(offer, page, call)
            return
        if self._ring.over:  # which the page has been told by now
            return
        visitor, caller = self._visitor(), self._ring.caller
        admission = self._room.gate.incoming.accept(visitor, grant, caller.to, caller.number)
        self._admission = admission  # before the call begins, and perhaps ends
        try:
            taken = await self._ring.accept(
                Acceptance(offer, visitor, grant.identity, admission.max_duration)
            )
        except GatewayError as error:  # it rings on
            self._admission = None
            admission.refused(error)
            raise
        if taken is None:
            admission.release()
            return
        self._accepted_by = page
        self._progress.state = "trying"
        if not isinstance(self._ring, HandedRing):  # which is taken later
            self._live = taken
            if self._visitor() != visitor:  # it has come back meanwhile
                self.moved()

    async def _accept_anew(self, offer: str, page: Visitor, call: PlacedCall) -> None:
        """Connect a page that was loaded again since it accepted, and knows of no answer."""
        if page is self._accepted_by:
            raise _accepted()
        await call.restart(offer)
        self._accepted_by = page

    def moved(self) -> None:
        """Note nothing while the call rings: it is nobody's yet."""
        if self._live is not self._ring:
            super().moved()

    def _observe(self, event: news.News) -> None:
        """Count no stage: what a person takes to pick up says nothing of the gateway."""


def _accepted() -> RequestError:
    return RequestError("the call has been accepted already")
