"""One call: a browser's leg, a trunk's leg and a media session, owned by one task.

The legs do not know each other. Whatever happens to either comes up as an event through one inbox;
the call decides what follows and sends it down as awaited calls. However it ends, it ends in
`_close`, once.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from gateway import trunk
from gateway.calls import news
from gateway.calls.attempt import Attempts
from gateway.calls.browser_description import spelling
from gateway.calls.browser_leg import BrowserEvent
from gateway.calls.browser_side import RESUME_WINDOW, BrowserSide
from gateway.calls.commanded import Commanded
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import (
    FAULT,
    rang_out,
    refused_encryption,
    too_long,
    unanswered,
)
from gateway.calls.events import (
    CallEvent,
    HoldEvent,
    InviteDue,
    OfFarEnd,
    OfRedirect,
    RedirectEvent,
    RestartGivenUp,
    TransferEvent,
)
from gateway.calls.hold import Hold
from gateway.calls.invite import Taken
from gateway.calls.negotiation import Negotiation
from gateway.calls.outgoing import Outgoing
from gateway.calls.parting import Partings
from gateway.calls.redirect import FindWay, Redirect, Redirects, told
from gateway.calls.seam import Session
from gateway.calls.side import Side
from gateway.calls.state import CallState, advance
from gateway.calls.transfer import Transfer
from gateway.calls.trunk_descriptions import Locate
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.weakly import weakly
from gateway.media import events as media
from gateway.media.parameters import Flow, TrunkRemote

logger = logging.getLogger(__name__)

Tell = news.Tell

# Three minutes of ringing are more than any mailbox waits for; a trunk that rings for ever would
# hold a line for as long as the page is open. RFC 3261 section 16.6 sets its timer C just above.
MAX_RINGING = 180.0  # seconds

# How long taking a call down may last; what hangs is left behind, not waited for
CLOSE_TIMEOUT = 3.0  # seconds


def _nobody(event: news.News) -> None:
    """Count nothing: nobody does."""


class Call(Commanded):
    """A call between a browser and a trunk, whichever of them has called.

    Parameters
    ----------
    call_id
        Names the call in logs.
    session
        Opened already; the call closes it.
    way
        The trunks to try, where we call: what the browser gets is of the first attempt. Or the
        INVITE of the trunk that has called: it is answered once the browser is up.
    locate
        Returns the address that a host's name has, of the same family as the address beside it;
        raises `trunk.TrunkError` when there is none in time.
    tell
        Takes news for the client, at once and without waiting.
    observe
        Takes all of them, too, whichever client has the call.
    max_duration
        Seconds from the answer until the gateway ends the call.
    max_ringing
        Seconds until the answer.
    resume_window
        Seconds that a browser whose media path is lost may take to come back by a restart.
    inbox
        Has what has happened to the trunk's leg already.
    find_way
        Makes ready to call whom the far end refers us to; without it nobody is.
    """

    def __init__(
        self,
        call_id: str,
        session: Session,
        way: Attempts[Negotiation] | Taken,
        locate: Locate,
        tell: Tell,
        *,
        max_duration: float,
        max_ringing: float = MAX_RINGING,
        resume_window: float = RESUME_WINDOW,
        observe: Tell = _nobody,
        inbox: asyncio.Queue[CallEvent] | None = None,
        find_way: FindWay | None = None,
    ) -> None:
        self.id = call_id
        self.state = CallState.CALLING
        self._session = session
        self._max_duration = max_duration
        self._max_ringing = max_ringing
        self._inbox = asyncio.Queue() if inbox is None else inbox
        post = self._inbox.put_nowait  # as `notify`, which would keep the call
        first = way if isinstance(way, Taken) else Outgoing(call_id, way, post)
        self._way = first
        self._browser = BrowserSide(
            call_id,
            first.negotiation,
            session,
            tell,
            observe,
            post,
            window=resume_window,
        )
        self._tell = self._browser.tell
        self._side = self._new_side(locate)
        self._hold = self._new_hold()
        self._transfer = Transfer(call_id, weakly(self._leg), self._tell, post)
        self._redirects = self._new_redirects(find_way, locate)
        self._partings = Partings(call_id)  # from far ends that have handed us over
        self._answered_at = None
        self._early_told = False
        self._limit: asyncio.TimerHandle | None = None

    def _new_side(self, locate: Locate) -> Side:
        """Make what answers the trunk's descriptions."""
        return Side(
            self.id,
            self._way.negotiation,
            self._session,
            self._way.placed,
            locate,
            self._inbox.put_nowait,
            on_early_media=weakly(self._heard_early),
            on_answer=weakly(self._agreed),
            on_settled=weakly(self._settled),
        )

    def _new_hold(self) -> Hold:
        """Make what holds the other side, for either of them."""
        return Hold(
            self.id,
            weakly(self._negotiation),
            weakly(self._leg),
            self._session.set_flow,
            self._tell,
            self._inbox.put_nowait,
            owns_call_id=self._way.owns_call_id,
        )

    def _new_redirects(self, find_way: FindWay | None, locate: Locate) -> Redirects:
        """Make what calls whom the far end refers us to."""
        return Redirects(
            self.id,
            self._session,
            weakly(self._leg),
            find_way,
            locate,
            self._tell,
            self._inbox.put_nowait,
            weakly(self._settled),
        )

    def _leg(self) -> trunk.TrunkLeg | None:
        """Return the far end's leg, once its INVITE has left."""
        return self._way.leg

    def _negotiation(self) -> TrunkNegotiation:
        """Return what is agreed with the far end."""
        return self._way.negotiation

    # The call's own task

    async def run(self) -> CallEnd:
        """Live the call from the INVITE to its end, and take everything down again."""
        end = CallEnd.made_here(By.GATEWAY, "internal", 500, "The call was interrupted.")
        try:
            end = await self._live()
        except Exception:  # a fault of ours ends this call and no other
            logger.exception("call %s failed", self.id)
            end = FAULT
        finally:
            end = unanswered(end) if self._way.is_unanswered else end
            await self._close(end)
        return end

    async def _live(self) -> CallEnd:
        if isinstance(self._way, Outgoing):
            self._tell(news.Trying())
        await self._browser.begin()
        self._limit_in(self._max_ringing, rang_out(self._max_ringing))
        while True:
            event = await self._inbox.get()
            if isinstance(event, trunk.Ended) and await self._redirects.outlives():
                await self._side.stop()  # nothing more is asked of that one
                continue
            # Before any phone has rung: none rings twice
            if self.state is CallState.CALLING and self._way.goes_elsewhere(event):
                self._side.turn_to(self._way.negotiation)
                continue
            before, self.state = self.state, advance(self.state, event)
            if self.state is not before:
                logger.debug("call %s: %s -> %s", self.id, before.name, self.state.name)
            if isinstance(event, HoldEvent | TransferEvent | RedirectEvent):
                end = await self._handle_wish(event)
            elif isinstance(event, BrowserEvent):
                end = await self._follow_browser(event)
            else:
                end = await self._handle(event, before)
            if end is not None:
                return end

    async def _handle(self, event: CallEvent, before: CallState) -> CallEnd | None:
        """Do what follows from an event; the end of the call, if that is what follows."""
        match event:
            case InviteDue() | media.BrowserReachable():
                self._call_out()
            case trunk.Ringing() if before is CallState.CALLING:
                self._tell(news.Ringing(early_media=False))
            case RestartGivenUp():
                await self._browser.give_up(event)
            case media.BrowserDigit():
                self._pass_digit(event)
            case trunk.Digit() | media.TrunkDigit():
                self._tell(news.DigitHeard(event.digit, event.duration_ms))
            case media.Quality() if self.state in (CallState.EARLY, CallState.ANSWERED):
                # Before that nobody hears anything: there is nothing to judge
                self._tell(news.Quality(event.browser, event.trunk))
            case media.TrunkSilent() if before is CallState.ANSWERED:
                if not self._redirects.is_under_way:  # whoever leaves may be silent
                    self._side.probe(event)
            case trunk.Ended() if self._way.negotiation.requires_encryption:
                return refused_encryption(event)
            case _:
                return await self._side.follow(event)
        return None

    async def _follow_browser(self, event: BrowserEvent) -> CallEnd | None:
        """Do what follows from the coming and going of the browser's media."""
        end = await self._browser.follow(event, self._duration_ms)
        if end is None and isinstance(event, media.BrowserConnected):
            self._call_out()
            end = await self._way.browser_is_up(self._session)
        return end

    def _call_out(self) -> None:
        """Call the far end, once: the browser has said where it is, or has been waited for."""
        if not self._browser.is_gone and self._browser.stop_holding_back():
            self._way.begin()

    async def _handle_wish(
        self, event: HoldEvent | TransferEvent | RedirectEvent
    ) -> CallEnd | None:
        """Do what follows from a hold or a transfer, which one of the two sides has asked for."""
        if isinstance(event, HoldEvent):
            await self._hold.follow(event)
            return None
        if isinstance(event, TransferEvent):
            return await self._transfer.follow(event)
        busy = not self._is_talking or self._transfer.is_under_way
        outcome = await self._redirects.follow(event, busy=busy)
        if isinstance(outcome, Redirect):
            await self._turn_to(outcome)
            return None
        return outcome

    async def _turn_to(self, redirect: Redirect) -> None:
        """Have the one that we were referred to in the place of the far end from now on."""
        way, side = self._way, self._side
        self._way, self._side = redirect.way, redirect.side
        await side.stop()
        if way.leg is not None:
            self._partings.begin(way.leg, way.release)
        redirect.turn()  # what it has told until now waits in the inbox
        for event in [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]:
            if isinstance(event, OfRedirect):
                if redirect.is_told_by(event):
                    self._inbox.put_nowait(event.event)
            elif not isinstance(event, OfFarEnd):  # nobody's any more
                self._inbox.put_nowait(event)
        self._redirects.alone = False
        await self._hold.begin_anew()
        self._tell(told(redirect, spelling(self._browser.codec), self._duration_ms))

    def _pass_digit(self, pressed: media.BrowserDigit) -> None:
        """Send what a page presses as an event, in whichever way the trunk takes it."""
        if not self._side.sends_info or self.state in (CallState.EARLY, CallState.ANSWERED):
            self._side.press(pressed.digit, pressed.duration_ms)

    @property
    def sip_call_id(self) -> str:
        """The Call-ID of the INVITE, empty before there is one."""
        return "" if self._way.leg is None else self._way.leg.call_id

    @property
    def lines_besides(self) -> int:
        """Lines of trunks' that it has besides its own: of whom it is being handed over to."""
        return self._redirects.lines

    @property
    def dropped_lines(self) -> int:
        """Lines of the trunk's descriptions that could not be read, and did not matter."""
        return self._way.negotiation.dropped_count

    def _heard_early(self) -> None:
        """Tell once that the far end's own tones are to be heard."""
        if not self._early_told:
            self._early_told = True
            self._tell(news.Ringing(early_media=True))

    async def _agreed(self, answered: trunk.Answered, remote: TrunkRemote) -> None:
        """Let the far end hear the caller: it has answered, and we know where it is."""
        await self._session.set_flow(Flow.AUDIO)
        self._answered_at = monotonic()
        self._side.takes_info = answered.takes_info
        self._limit_in(self._max_duration, too_long(self._max_duration))
        self._tell(news.Answered(spelling(self._browser.codec), spelling(remote.codec)))
        await self._hold.settled()

    async def _settled(self) -> None:
        """Notice what a change in mid-call has made of a hold; early media has none."""
        if self.state is CallState.ANSWERED:
            await self._hold.settled()

    def _limit_in(self, seconds: float, end: CallEnd) -> None:
        """End the call in this way after so many seconds, whatever limit there was before."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.end, end)

    async def _close(self, end: CallEnd) -> None:
        self.state = CallState.ENDED
        self._hold.cancel()
        self._transfer.cancel()
        if self._limit is not None:
            self._limit.cancel()
        self._browser.close(self._inbox)
        duration = self._duration_ms
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._take_down(end)
        except TimeoutError:
            logger.error("call %s was not down after %.0f s", self.id, CLOSE_TIMEOUT)
        finally:
            self.release()  # of a call from a trunk only the first line is the arrival's
            self._tell(news.Ended(end, duration, self._way.trunk.name, self._session.traffic))

    @property
    def _duration_ms(self) -> int:
        return 0 if self._answered_at is None else int((monotonic() - self._answered_at) * 1000)

    def release(self) -> None:
        """Give back the line of the trunk; the second time does nothing."""
        self._way.release()

    async def _take_down(self, end: CallEnd) -> None:
        await self._way.stop()
        await self._side.stop()
        leg, refusal = self._way.leg, end.sip_code if self._way.is_unanswered else 0
        # The far end first: its phone must stop ringing, and its bill running, whatever comes of
        # the rest. But the rest does not wait for a trunk that hangs.
        steps = self._redirects.close(end)  # whoever has referred us hears of it before its BYE
        steps += [] if leg is None else [leg.hangup(refusal, cause=end.cause)]
        steps += [self._session.close(), self._partings.close()]
        for fault in await asyncio.gather(*steps, return_exceptions=True):
            if fault is not None:
                logger.error("call %s: a step of its end failed", self.id, exc_info=fault)
