"""What a client may ask of its call. The call's own task carries it out, in its inbox's order.

The base of `Call`, as far as it is told what to do.
"""

from __future__ import annotations

import asyncio

from gateway.calls.browser_side import BrowserSide, over
from gateway.calls.end import By, CallEnd
from gateway.calls.events import (
    CallEvent,
    EndWanted,
    HoldWanted,
    RedirectRefused,
    RedirectWanted,
    RestartGivenUp,
    RestartWanted,
)
from gateway.calls.invite import Taken
from gateway.calls.negotiation import Negotiation
from gateway.calls.news import Tell
from gateway.calls.outgoing import Outgoing
from gateway.calls.redirect import Redirects
from gateway.calls.request import CallRequest
from gateway.calls.seam import Session
from gateway.calls.side import Side
from gateway.calls.state import CallState
from gateway.calls.transfer import Transfer
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.errors import GatewayError, RequestError


class Commanded:
    """A call, as its client has it."""

    state: CallState
    _session: Session
    _inbox: asyncio.Queue[CallEvent]
    _way: Taken | Outgoing[Negotiation] | Outgoing[TrunkNegotiation]  # to the far end
    _browser: BrowserSide
    _side: Side
    _transfer: Transfer
    _redirects: Redirects
    _answered_at: float | None  # of time.monotonic

    async def add_candidate(self, candidate: str | None) -> None:
        """Hand on a trickled candidate; None at the end of them."""
        if self.state is not CallState.ENDED:
            await self._session.add_candidate(candidate)

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, as telephone events or, where it takes none, as tones.

        A comma among them is a pause of two seconds, a W of half a one (`voice.pauses`).

        Raises
        ------
        RequestError
            While there is nobody to hear them, or when a character is no digit.
        """
        if self.state not in (CallState.EARLY, CallState.ANSWERED):
            raise RequestError("digits can be sent once the far end answers or plays early media")
        if self._side.sends_info:
            self._side.press_by_info(digits, duration_ms, gap_ms)
        else:
            await self._session.send_digits(digits, duration_ms, gap_ms)

    async def hold(self) -> None:
        """Put the far end on hold; that it stands is told.

        Raises
        ------
        RequestError
            The call is not answered.
        """
        self._want_hold(True)

    async def resume(self) -> None:
        """Hold the far end no longer; raises as `hold`."""
        self._want_hold(False)

    def _want_hold(self, held: bool) -> None:
        if not self._is_talking:
            raise RequestError("a call can be put on hold once the far end has answered")
        self._inbox.put_nowait(HoldWanted(held))

    @property
    def _is_talking(self) -> bool:
        """Whether the page has been told of the answer, whose host may take time to be found."""
        told = self.state is CallState.ANSWERED and self._answered_at is not None
        return told and not self._redirects.alone

    def check_transfer(self) -> None:
        """Raise RequestError if the call cannot be transferred now."""
        if not self._is_talking:
            raise RequestError("a call can be transferred once the far end has answered")
        self._transfer.check()
        self._redirects.check()

    async def redirect(self, token: int, request: CallRequest) -> None:
        """Call whom the far end has referred us to, and who has been admitted."""
        self.notify(RedirectWanted(token, request))

    async def refuse_redirect(self, token: int, error: GatewayError) -> None:
        """Do not call that one: it has been refused."""
        self.notify(RedirectRefused(token, error.sip_code, error.said))

    async def transfer(self, to: str) -> None:
        """Hand the far end over to a number that has been admitted; what becomes of it is told.

        Raises
        ------
        RequestError
            The call is not answered, or a transfer is under way.
        ForbiddenError
            No route leads to the number by the call's trunk.
        """
        self.check_transfer()
        self._transfer.want(self._way.trunk.number(to))

    async def transfer_to(self, other: Commanded) -> None:
        """Hand the far end over to the one of another call; raises as `transfer`."""
        self.check_transfer()
        leg = other._way.leg
        if other is self or other.state is not CallState.ANSWERED or leg is None:
            raise RequestError("a call is transferred to another one that is answered")
        if other._way.trunk is not self._way.trunk:
            raise RequestError("both calls have to be on the same trunk: no other knows of them")
        name = await leg.name()
        if name is None:
            raise RequestError("the other call has just ended")
        self._transfer.want(name)

    async def restart(
        self, offer: str, tell: Tell | None = None, restart_id: str | None = None
    ) -> None:
        """Answer an offer for another media path, which takes the place of the one that there is.

        The answer is told (`news.AnswerReady`) before this returns, and candidates that come after
        it are for the new path. It is used once it is up. Until then, and if it does not come up
        (`news.RestartFailed`), all stays as it was; the trunk hears of neither.

        Parameters
        ----------
        tell
            Takes the news of another page, which the call is handed over to: the answer, and
            whether it fails, at once; all else once it is up. Then `news.HandedOver` is the last
            that the page hears that had the call.
        restart_id
            What the page knows it by, and is told with what becomes of it.

        Raises
        ------
        OfferError
            The offer cannot be used.
        RequestError
            The call is over, or another page has it by now.
        UnavailableError
            A part of the gateway does not work.
        """
        if self.state is CallState.ENDED:
            raise over()
        way = self._way
        read = self._browser.read(offer, way.trunk.route.passthrough, way.negotiation.codec)
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        page = self._browser.page if tell is None else tell
        wanted = RestartWanted(read, page, reply, restart_id, is_heir=tell is not None)
        self._inbox.put_nowait(wanted)
        await reply

    async def give_up_restart(self, tell: Tell) -> None:
        """Let the page that takes its news by `tell` have the call no more, if it has not yet."""
        self.notify(RestartGivenUp(tell))

    async def hangup(self) -> None:
        """End the call for the browser; harmless when it is over."""
        picked_up = self.state is CallState.ANSWERED or self._way.has_answered
        cause, code = ("hangup", 200) if picked_up else ("canceled", 487)
        self.end(CallEnd.made_here(By.LOCAL, cause, code, "You ended the call."))

    async def abandon(self, reason: str) -> None:
        """End the call because its client is gone."""
        self.end(CallEnd.made_here(By.GATEWAY, "page-lost", 408, reason))

    def end(self, end: CallEnd) -> None:
        """Ask the call's task to end it in this way; the first one who asks decides."""
        self.notify(EndWanted(end))

    def notify(self, event: CallEvent) -> None:
        """Take something that has happened to the call."""
        self._inbox.put_nowait(event)
